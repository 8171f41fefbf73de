"""All that the views draw from."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from viewer.projects import Category, Project, Source, others
from viewer.scene.points.columns import places
from viewer.state import State

NO_PROJECT = Project("", Path(), error="no project")


class Scene(NamedTuple):
    """A category of a project, and how a person wants to see it."""

    projects: Mapping[str, Project]
    state: State
    project: Project
    category: Category
    warnings: tuple[str, ...] = ()

    @property
    def other(self) -> tuple[Source, str] | None:
        """The other method that shows the same samples, and what people call it."""
        if not self.state.other:
            return None
        return others(self.projects, Source(self.project, self.state.method), self.category)[self.state.other]

    @property
    def table(self) -> str:
        """Which table of rows a selection of rows belongs to."""
        return json.dumps([self.state.project, self.state.analysis, self.state.category])

    def place(self, plot: str) -> str:
        """Which embedding a plot shows: a window belongs to it."""
        return json.dumps([self.table, *places(self.state)[plot][:3]])


class Blank(NamedTuple):
    """There is nothing to show, and `problem` says why."""

    projects: Mapping[str, Project]
    state: State
    project: Project = NO_PROJECT
    problem: str = "no project"
    warnings: tuple[str, ...] = ()
