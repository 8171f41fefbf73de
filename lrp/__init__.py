"""Layer-wise relevance propagation as pure functions: trace -> canonize -> relprop -> relevance."""

import lazy_loader

# the core needs neither Pillow nor xarray: what comes after it loads when it is used
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
