"""How often does the ranking lead to a planted Clever Hans: `python -m bench.find --quick`."""
