"""What views are made of."""

from viewer.views.parts.view import Update, View

__all__ = ["Update", "View"]
