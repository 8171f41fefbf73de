"""`python -m lrp.cli`."""

from lrp.cli.commands import main

main()
