"""What the page is made of: each module's `view` builds its models once and draws a scene into them."""

from importlib import import_module
from pkgutil import iter_modules

from viewer.views.parts import Update, View

__all__ = ["VIEWS", "Update", "View"]

VIEWS = tuple(import_module(f"{__name__}.{file.name}").view for file in iter_modules(__path__) if not file.ispkg)
"""Every file in this folder is a view; the folders beside them are what views share."""
