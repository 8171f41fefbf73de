"""What a view is."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from bokeh.models import Div, UIElement

from viewer.scene import Blank, Scene


class Update(Protocol):
    """Change settings of the state."""

    def __call__(self, **changes: object) -> None: ...


def _same(_dark: bool) -> None:
    """Most views take their colours from the page's own style."""


def _nothing(_scene: Scene) -> None:
    """Most views have all they need at hand."""


class View(NamedTuple):
    """Models, and how a scene is drawn into them.

    `watches` are the settings of the state that the drawing depends on, besides the project and the category. What
    takes long is `work`: done in another thread after drawing, and `finish` draws what it returned unless that is None.

    Models are placed by their names in templates/index.html, unless they are `shown_in` a page of their own: one of the
    state's `view`. Then they stand there one below the other, those to choose with above the panes, and are drawn while
    it is shown. Where nothing is drawn, panes are empty; `blank` draws the reason instead, for the few that say it. A
    view that `has_findings` is drawn anew when somebody else changes them, too.
    """

    models: tuple[UIElement, ...]
    watches: tuple[str, ...]
    render: Callable[[Scene], None]
    darken: Callable[[bool], None] = _same
    work: Callable[[Scene], Any] = _nothing
    finish: Callable[[Scene, Any], None] | None = None
    shown_in: str = ""
    blank: Callable[[Blank], None] | None = None
    has_findings: bool = False

    def due(self, old: Scene | Blank, new: Scene | Blank) -> bool:
        """Whether what is drawn of one scene does not do for another."""
        watches = (*self.watches, "view") if self.shown_in else self.watches
        return _subject(old) != _subject(new) or any(
            getattr(old.state, name) != getattr(new.state, name) for name in watches
        )

    def draw(self, shown: Scene | Blank) -> None:
        if isinstance(shown, Scene) and self.shown_in in ("", shown.state.view):
            self.render(shown)
        elif isinstance(shown, Blank) and self.blank is not None:
            self.blank(shown)
        else:
            self._empty()

    def _empty(self) -> None:
        for model in self.models:
            if isinstance(model, Div):
                model.text = ""


def _subject(shown: Scene | Blank) -> tuple[object, object]:
    return shown.project, shown.category if isinstance(shown, Scene) else None
