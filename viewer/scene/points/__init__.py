"""What the plots show of a category: which points, where, in which colours, and what colours mean."""
