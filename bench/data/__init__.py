"""Data that installed packages carry, or that a few lines make, and a cue planted in one class of each."""
