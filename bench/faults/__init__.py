"""What can go wrong is made to happen, and what comes of it is counted: `python -m bench.faults`."""
