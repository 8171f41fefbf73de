"""The commands of `lrp`, loaded when they are called."""
