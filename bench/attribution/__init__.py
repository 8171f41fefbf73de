"""What an explanation costs, beside the plain gradient and the peers: `python -m bench.attribution --help`."""
