"""Spectral Relevance Analysis: find the few strategies among thousands of explanations."""

import lazy_loader

# `lrp` needs only the colour maps and the project's format: the stages and scikit-learn load when they are used
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
