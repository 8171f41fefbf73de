"""A state against the projects at hand: what it names and is not there becomes the default, with a warning."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from viewer.project import Category, Project, open_category
from viewer.state import State


class Scene(NamedTuple):
    """All that the views draw from. Without a category, `problem` says why."""

    projects: Mapping[str, Project]
    state: State
    project: Project | None = None
    category: Category | None = None
    problem: str = ""
    warnings: tuple[str, ...] = ()


def resolve(projects: Mapping[str, Project], state: State) -> Scene:
    """The scene of `state`, whose names all exist afterwards."""
    warnings: list[str] = []
    if not projects:
        return Scene(projects, State(), problem="no project")
    project = projects[_known("project", state.project, tuple(projects), warnings)]
    state = replace(state, project=project.key)
    if project.error:
        return Scene(projects, state, project, None, project.error, tuple(warnings))
    if not any(project.analyses.values()):
        problem = f"{project.path} has no analysis yet: make one with spray.analyse and spray.save_analysis"
        return Scene(projects, state, project, None, problem, tuple(warnings))
    analysis = _known("analysis", state.analysis, [a for a, found in project.analyses.items() if found], warnings)
    name = _known("category", state.category, project.analyses[analysis], warnings)
    state = replace(state, analysis=analysis, category=name)
    try:
        category = open_category(project, analysis, name)
    except (ValueError, OSError, KeyError, RuntimeError) as error:
        return Scene(projects, state, project, None, str(error) or repr(error), tuple(warnings))
    if not category.embeddings:
        problem = f"category {name!r} of analysis {analysis!r} has no embedding"
        return Scene(projects, state, project, None, problem, tuple(warnings))
    return Scene(projects, _within(category, state, warnings), project, category, "", tuple(warnings))


def _within(category: Category, state: State, warnings: list[str]) -> State:
    """Clustering, embedding and axes that the category has."""
    embedding = _known("embedding", state.embedding, list(category.embeddings), warnings)
    clustering = _known("clustering", state.clustering, list(category.clusterings), warnings)
    axes = category.embeddings[embedding].shape[1]
    x, y = (axis if axis < axes else min(default, axes - 1) for axis, default in ((state.x, 0), (state.y, 1)))
    focus = state.focus if state.focus is not None and state.focus in category.sample else None
    return replace(state, embedding=embedding, clustering=clustering, x=x, y=y, focus=focus)


def _known(what: str, name: str, names: Sequence[str], warnings: list[str]) -> str:
    """`name` if it is one of `names`, else the first of them."""
    if name in names:
        return name
    default = names[0] if names else ""
    if name:
        warnings.append(f"there is no {what} {name!r} here, so {default!r} is shown")
    return default
