"""What sets groups, classes and projects against each other."""
