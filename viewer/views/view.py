"""What a view is."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from bokeh.models import UIElement

from viewer.resolve import Scene


class Update(Protocol):
    """Change settings of the state."""

    def __call__(self, **changes: object) -> None: ...


def _same(_dark: bool) -> None:
    """Most views take their colours from the page's own style."""


class View(NamedTuple):
    """Models that are placed by their names in templates/index.html, and how a scene is drawn into them.

    `watches` are the settings of the state that the drawing depends on, besides the project and the category.
    """

    models: tuple[UIElement, ...]
    watches: tuple[str, ...]
    render: Callable[[Scene], None]
    darken: Callable[[bool], None] = _same

    def due(self, old: Scene, new: Scene) -> bool:
        if old.project is not new.project or old.category is not new.category:
            return True
        return any(getattr(old.state, name) != getattr(new.state, name) for name in self.watches)
