"""All that the views draw from."""

import json
from collections.abc import Mapping
from typing import NamedTuple

from viewer.projects.project import Category, Project
from viewer.projects.sources import Source, others
from viewer.scene.columns import places
from viewer.state.state import State


class Scene(NamedTuple):
    """All that the views draw from. Without a category, `problem` says why."""

    projects: Mapping[str, Project]
    state: State
    project: Project | None = None
    category: Category | None = None
    problem: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def other(self) -> tuple[Source, str] | None:
        """The other method that shows the same samples, and what people call it."""
        if self.project is None or self.category is None or not self.state.other:
            return None
        return others(self.projects, Source(self.project, self.state.method), self.category)[self.state.other]

    @property
    def table(self) -> str:
        """Which table of rows a selection of rows belongs to."""
        return json.dumps([self.state.project, self.state.analysis, self.state.category])

    def place(self, plot: str) -> str:
        """Which embedding a plot shows: a window belongs to it."""
        return json.dumps([self.table, *places(self.state)[plot][:3]])
