"""What a view is."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from bokeh.models import UIElement

from viewer.scene import Scene


class Update(Protocol):
    """Change settings of the state."""

    def __call__(self, **changes: object) -> None: ...


def _same(_dark: bool) -> None:
    """Most views take their colours from the page's own style."""


def _nothing(_scene: Scene) -> None:
    """Most views have all they need at hand."""


class View(NamedTuple):
    """Models that are placed by their names in templates/index.html, and how a scene is drawn into them.

    `watches` are the settings of the state that the drawing depends on, besides the project and the category. What
    takes long is `work`: done in another thread after drawing, and `finish` draws what it returned unless that is None.
    """

    models: tuple[UIElement, ...]
    watches: tuple[str, ...]
    render: Callable[[Scene], None]
    darken: Callable[[bool], None] = _same
    work: Callable[[Scene], Any] = _nothing
    finish: Callable[[Scene, Any], None] | None = None

    def due(self, old: Scene, new: Scene) -> bool:
        if old.project is not new.project or old.category is not new.category:
            return True
        return any(getattr(old.state, name) != getattr(new.state, name) for name in self.watches)
