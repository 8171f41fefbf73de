"""Corrections that change the graph or a few weights, and train nothing else."""
