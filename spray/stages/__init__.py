"""Stages: labelled data -> labelled data, one idea a file. Each file loads when it is used."""

import pkgutil

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, [module.name for module in pkgutil.iter_modules(__path__)])
