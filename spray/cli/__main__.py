"""`python -m spray.cli`."""

from spray.cli import main

main()
