"""What is kept of hidden layers: statistics of their channels, and conditional heatmaps."""
