"""What a dataset gives, as samples: from files and collections, checked, normalized, and how they were read."""
