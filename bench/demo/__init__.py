"""Projects to look at, each with a Clever Hans in it: images, texts, a table, signals."""
