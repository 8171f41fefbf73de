"""What all stages share: labels of samples, neighbours, and graphs as labelled edges."""
