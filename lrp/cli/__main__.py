"""`python -m lrp.cli`."""

from lrp.cli import main

main()
