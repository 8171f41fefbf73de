"""Which correction takes an artefact out of a model, and what it costs: `python -m bench.correct --quick`."""
