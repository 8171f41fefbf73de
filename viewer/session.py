"""One visitor: the current state, what changes it, and which views to draw anew. The only place with mutable state."""

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from bokeh.document import Document
from bokeh.models import CustomJS, Div

from viewer import html, selection, state
from viewer.page import Page
from viewer.project import Project, open_projects
from viewer.resolve import Scene, resolve
from viewer.state import State
from viewer.views import VIEWS
from viewer.views.pane import pane
from viewer.views.view import View

LOG = logging.getLogger(__name__)


def start(doc: Document, paths: list[str]) -> None:
    """Fill `doc` with the viewer on the projects at `paths`; an error becomes the page's text."""
    doc.title = "SpRAy viewer"
    try:
        Session(doc, open_projects(paths))
    except Exception as error:
        LOG.exception("the page could not be built")
        doc.clear()
        doc.add_root(Div(text=html.tag("p", html.text(f"The page could not be built: {error!r}"))))


class Session:
    def __init__(self, doc: Document, projects: Mapping[str, Project]):
        self.doc, self.projects = doc, projects
        self.page = Page(name="page")
        self.banner = pane("banner")
        self.views: list[View] = [build(self.update) for build in VIEWS]
        request = getattr(doc.session_context, "request", None)
        arguments = request.arguments if request is not None else {}
        wanted = state.from_arguments(arguments)
        self.scene = Scene(projects, State())
        self.drawn = False
        self.past: list[State] = []
        self.show(resolve(projects, wanted.state), wanted.warnings)
        self._add_roots(_base(getattr(request, "path", "")))
        self.page.on_change("action", lambda _attr, _old, new: self.guarded(self.act, new))

    def _add_roots(self, base: str) -> None:
        # The page has nothing to draw, so it cannot be a root: it is in the document because a root refers to it.
        self.banner.js_on_change("name", CustomJS(args={"page": self.page}, code=""))
        for model in (self.banner, *(model for view in self.views for model in view.models)):
            self.doc.add_root(model)
        self.doc.template_variables["app"] = base

    def update(self, **changes: Any) -> None:
        """Change the state; every view that watches one of the changed settings is drawn anew."""
        self.guarded(self._update, changes)

    def _update(self, changes: dict[str, Any]) -> None:
        before = self.scene.state
        wanted = state.read({**_settings(before), **changes})
        scene = resolve(self.projects, wanted.state)
        if scene.state != before:
            self.past = [*self.past[-99:], before]
            self.show(scene, wanted.warnings)

    def show(self, scene: Scene, warnings: tuple[str, ...] = ()) -> None:
        old, self.scene = self.scene, scene
        self.doc.hold("combine")
        try:
            for view in self.views:
                if not self.drawn or view.due(old, scene):
                    view.render(scene)
            self.page.update(view=_page_view(scene), query=state.to_query(scene.state), selection=_selection(scene))
            self.message(*warnings, *scene.warnings)
            self.drawn = True
        finally:
            self.doc.unhold()

    def act(self, text: str) -> None:
        """What the page's own script reports: a click on one of our buttons, a selection, a key."""
        action = json.loads(text)
        ACTIONS[action["name"]](self, action["value"])

    def guarded(self, call: Callable[..., None], *arguments: Any) -> None:
        """An error in a callback is a message in the page, and the rest keeps working."""
        try:
            call(*arguments)
        except Exception as error:
            LOG.exception("a callback failed")
            self.message(f"That did not work: {error!r}")

    def message(self, *lines: str) -> None:
        self.banner.text = "".join(html.tag("p", html.text(line), role="alert") for line in lines)
        self.banner.visible = bool(lines)

    def undo(self) -> None:
        if self.past:
            *self.past, before = self.past
            self.show(resolve(self.projects, before))


def _settings(value: State) -> dict[str, Any]:
    return dict(vars(value))


def _base(path: str) -> str:
    """The application's own address, under which its pictures and scripts lie."""
    return path.removesuffix("/ws").rstrip("/")


def _page_view(scene: Scene) -> str:
    if not scene.projects:
        return "help"
    return "broken" if scene.category is None else scene.state.view


def _table(scene: Scene) -> str:
    """Which table of rows a selection of rows belongs to."""
    return json.dumps([scene.state.project, scene.state.analysis, scene.state.category])


def _selection(scene: Scene) -> str:
    if scene.category is None:
        return ""
    rows = scene.category.rows(selection.decode(scene.state.selection))
    return json.dumps({"of": _table(scene), "bits": selection.bits(rows), "n": len(rows)})


def _select_rows(session: Session, value: Mapping[str, str]) -> None:
    """Rows selected in the plot, unless the plot has moved on to another table meanwhile."""
    category = session.scene.category
    if category is None or value["of"] != _table(session.scene):
        return
    rows = selection.mask(value["bits"], len(category.sample))
    session.update(selection=selection.encode(category.sample[rows]), page=0)


def _select_cluster(session: Session, value: str) -> None:
    category = session.scene.category
    if category is not None:
        rows = category.clusterings[session.scene.state.clustering] == int(value)
        session.update(selection=selection.encode(category.sample[rows]), page=0)


ACTIONS: dict[str, Callable[[Session, Any], None]] = {
    "select": _select_rows,
    "cluster": _select_cluster,
    "project": lambda session, value: session.update(project=value),
    "page": lambda session, value: session.update(page=int(value)),
    "clear": lambda session, _: session.update(selection="", focus=None),
    "undo": lambda session, _: session.undo(),
}
