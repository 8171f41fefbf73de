"""The proof of a correction: measures by group, as a table and as a figure."""
