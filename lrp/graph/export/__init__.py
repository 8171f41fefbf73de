"""From a model to an exported program that is safe to take apart: what is read, what is asked, and what is refused."""
