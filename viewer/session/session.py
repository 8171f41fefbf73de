"""One visitor: the current state, what changes it, and which views to draw anew. The only place with mutable state."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from bokeh.document import Document
from bokeh.models import CustomJS, Div

from spray.store import ProjectError
from viewer import html, state
from viewer.door import script_addresses
from viewer.pictures.pool import POOL
from viewer.projects import Project, open_projects
from viewer.scene import Blank, Scene, resolve
from viewer.session import spare, watching
from viewer.session.actions import react
from viewer.session.change import Change, Command, Refusal
from viewer.session.page import Page
from viewer.session.telling import notes, told_of
from viewer.state import State, links
from viewer.views.parts import View
from viewer.views.parts.pane import pane

LOG = logging.getLogger(__name__)
MOST_UNDONE = 100


def start(doc: Document, paths: list[str]) -> None:
    """Fill `doc` with the viewer on the projects at `paths`; an error becomes the page's text."""
    doc.title = "SpRAy viewer"
    # the page loads itself again (static/lost.js): Bokeh's own way puts new models under scripts that know the old ones
    doc.config.update(reconnect_session=False, notify_connection_status=False)
    try:
        watching.add(Session(doc, open_projects(paths)))
    except Exception as error:
        LOG.exception("the page could not be built")
        doc.clear()
        doc.add_root(Div(text=html.tag("p", f"The page could not be built: {error!r}")))


class Session:
    def __init__(self, doc: Document, projects: Mapping[str, Project]):
        self.doc, self.projects = doc, projects
        self.page, self.banner = Page(name="page"), pane("banner")
        relay, self.views = spare.take()
        relay.update = self.update
        self.scene: Scene | Blank = Blank(projects, State())
        self.drawn, self.drawing = False, False
        self.past: list[State] = []
        self.future: list[State] = []
        self.count = 0
        request = getattr(doc.session_context, "request", None)
        wanted = state.from_arguments(request.arguments if request is not None else {})
        self.show_state(wanted.state, wanted.warnings)
        self._add_roots(_base(getattr(request, "path", "")))
        self.page.on_change("action", lambda _attr, _old, new: self.guarded(self.act, new))
        self.page.on_change("dark", lambda _attr, _old, new: self.guarded(self.set_dark, new))

    def _add_roots(self, base: str) -> None:
        # The page has nothing to draw, so it cannot be a root: it is in the document because a root refers to it.
        self.banner.js_on_change("name", CustomJS(args={"page": self.page}, code=""))
        with self.doc.models.freeze():  # one search for all models and not one after every root
            for model in (self.banner, *(model for view in self.views for model in view.models)):
                self.doc.add_root(model)
        self.doc.template_variables.update(app=base, scripts=script_addresses(), pages=_pages(self.views))

    def update(self, **changes: Any) -> None:
        """Change the state; every view that watches one of the changed settings is drawn anew."""
        if not self.drawing:  # a widget that is being filled reports its new value as if someone had chosen it
            self.guarded(self.apply, Change(state=changes))

    def act(self, text: str) -> None:
        """What the page's own script reports."""
        action = json.loads(text)
        self.apply(react(self.scene, action["name"], action["value"]))

    def apply(self, change: Change) -> None:
        said = None
        if change.write is not None:
            try:
                said = change.write()
            except ValueError as error:
                raise Refusal(str(error)) from error
        if change.state is not None:
            go = self.go if change.undoable else self.show_state
            go(self._wanted(change.state), change.warnings)
        if change.history:
            (self.undo if change.history < 0 else self.redo)()
        if change.redraw:
            self.redraw(*([said] if said else []))
        if change.command is not None:
            self.command(change.command)
        if change.work is not None:
            self.later(change.work, self.command)

    def _wanted(self, wanted: State | Mapping[str, Any]) -> State:
        if isinstance(wanted, State):
            return wanted
        if refused := state.read(wanted).warnings:
            raise Refusal(refused[0])
        return replace(self.scene.state, **wanted)

    def go(self, wanted: State, warnings: tuple[str, ...] = ()) -> None:
        """Show another state, which undo takes back."""
        before, scene = self.scene.state, resolve(self.projects, wanted)
        if scene.state != before or warnings or scene.warnings:
            self.past, self.future = [*self.past[-MOST_UNDONE:], before], []
            self.show(scene, warnings)

    def undo(self) -> None:
        if self.past:
            self.future.append(self.scene.state)
            self.show_state(self.past.pop())

    def redo(self) -> None:
        if self.future:
            self.past.append(self.scene.state)
            self.show_state(self.future.pop())

    def show_state(self, wanted: State, warnings: tuple[str, ...] = ()) -> None:
        self.show(resolve(self.projects, wanted), warnings)

    def show(self, scene: Scene | Blank, warnings: tuple[str, ...] = ()) -> None:
        scene, told = told_of(scene)
        old, self.scene = self.scene, scene
        due = [view for view in self.views if not self.drawn or view.due(old, scene)]
        with self.filling():
            self.message(*warnings, *scene.warnings)
            for view in due:
                self.guarded(view.draw, scene)
            self.page.update(**told)
            self.drawn = True
        if scene.state.selection != old.state.selection and links.is_long(scene.state):
            self.later(partial(links.keep, scene.project.home, scene.state.selection), self._kept)
        for view in due:
            self._work(view, scene)

    def _work(self, view: View, scene: Scene | Blank) -> None:
        if view.finish is not None and isinstance(scene, Scene):
            self.later(partial(view.work, scene), partial(self._finish, view, scene))

    def _kept(self, done: bool) -> None:
        if not done:
            self.message(links.NOT_KEPT)

    def hear(self) -> None:
        """Somebody has changed the project's findings or corrections: draw anew what shows them."""
        found = open_projects([str(project.path) for project in self.projects.values() if not project.of])
        self.projects = {**found, **self.projects}  # those that were open are shown as they were
        self.scene = self.scene._replace(projects=self.projects)
        with self.filling():
            for view in self.views:
                if view.has_findings:
                    self.guarded(view.draw, self.scene)
                    self._work(view, self.scene)

    @contextmanager
    def filling(self) -> Iterator[None]:
        """What widgets are filled with goes to the browser at once, and is nothing that somebody chose."""
        self.drawing = True
        self.doc.hold("combine")
        try:
            yield
        finally:
            self.doc.unhold()  # only now do widgets report what was filled in
            self.drawing = False

    def _finish(self, view: View, scene: Scene, found: Any) -> None:
        if view.finish and found is not None and not view.due(scene, self.scene):  # else nobody waits for it any more
            view.finish(scene, found)

    def later(self, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        """Do what takes long in another thread, so that other visitors need not wait, then go on here."""

        def ready(future: Future) -> None:
            self.doc.add_next_tick_callback(lambda: self.guarded(lambda: done(future.result())))

        POOL.submit(work).add_done_callback(ready)

    def redraw(self, *said: str) -> None:
        """Draw all views anew: something they show has changed outside of the state."""
        self.drawn = False
        self.show(self.scene, said)

    def set_dark(self, dark: bool) -> None:
        for view in self.views:
            view.darken(dark)

    def command(self, command: Command) -> None:
        """Have the browser do something once; the count makes it another one than before."""
        self.count += 1
        self.page.update(command=json.dumps({**command, "count": self.count}))

    def guarded(self, call: Callable[..., None], *arguments: Any) -> None:
        """An error in a callback is a message in the page, and the rest keeps working."""
        try:
            call(*arguments)
        except Refusal as refusal:
            self.message(str(refusal))
        except ProjectError as error:  # written to be read
            LOG.exception("a callback failed")
            self.message(f"That did not work: {error}")
        except Exception as error:
            LOG.exception("a callback failed")
            self.message(f"That did not work: {error!r}")

    def message(self, *lines: str) -> None:
        told = [html.tag("p", line, role="alert") for line in lines]
        told += [html.tag("p", note, role="status") for note in notes(self.scene)]
        self.banner.text, self.banner.visible = html.join(told), bool(told)


def _pages(views: Sequence[View]) -> dict[str, tuple[list[str], list[str]]]:
    """What stands on each page, by the names of models: what there is to choose, and the panes below it."""
    pages: dict[str, tuple[list[str], list[str]]] = {name: ([], []) for name in state.CHOICES["view"]}
    for view in views:
        for model in view.models if view.shown_in else ():
            pages[view.shown_in][isinstance(model, Div)].append(str(model.name))
    return pages


def _base(path: str) -> str:
    """The folder of pictures and scripts, seen from the page: only the browser knows the path that a proxy put it at.

    >>> _base("/spray/viewer"), _base("/spray/viewer/")
    ('viewer/', './')
    """
    return f"{path.rpartition('/')[2] or '.'}/"
