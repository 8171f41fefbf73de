"""Where relevance comes from: the methods of a project, and the same samples in another project, by another model."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from viewer.projects.category import Category
from viewer.projects.classes import class_of, in_category
from viewer.projects.project import Project

FIRST_METHOD = "relevance"
EMBEDDING = "embedding"  # what samples are shown by where there is no relevance
RANKED = ("class", "rank")  # relevance of several outputs of each sample


class Source(NamedTuple):
    project: Project
    method: str

    @property
    def name(self) -> str:
        """As it is written in a state: a key is the name of a folder, so it has no slash."""
        return f"{self.project.key}/{self.method}"


def methods(project: Project) -> dict[str, str]:
    """Variable -> what people call it; the project's first method first."""
    found = {
        str(name): str(v.attrs.get("method") or (project.facts.get("method") if name == FIRST_METHOD else "") or name)
        for name, v in project.attributions.data_vars.items()
        if str(name).startswith(FIRST_METHOD) and v.dims[0] == "sample" and v.ndim > 1 and v.dims[1] not in RANKED
    }
    if not found and EMBEDDING in project.attributions.data_vars:
        return {EMBEDDING: EMBEDDING}
    named = {name: text if (of := class_of(name)) is None else f"{text}, of {project.label_text(of)}"
             for name, text in found.items()}  # fmt: skip
    return dict(sorted(named.items(), key=lambda item: item[0] != FIRST_METHOD))


def offered(project: Project, category: Category) -> dict[str, str]:
    """The methods that show a category: of samples of several labels those of its class."""
    found = methods(project)
    own = dict.fromkeys(
        in_category(project.attributions, name, category.name, category.facts.get("by")) for name in found
    )
    return {name: found[name] for name in own if name in found}


def others(projects: Mapping[str, Project], here: Source, category: Category) -> dict[str, tuple[Source, str]]:
    """Name of each source that has some of the category's samples too -> the source, what people call it."""
    found = {}
    for project in projects.values():
        if project.error or not (project.find(category.sample) >= 0).any():
            continue
        for method, text in offered(project, category).items():
            source = Source(project, method)
            if source != here:
                found[source.name] = source, text if project is here.project else f"{project.name}: {text}"
    return found


class Agreement(NamedTuple):
    """The samples that two projects have in common; in how many of them both models predict the same, if known."""

    samples: np.ndarray
    same: int | None


def agreement(here: Project, there: Project, ids: np.ndarray) -> Agreement:
    common = ids[there.find(ids) >= 0]
    both = [predictions(project, common) for project in (here, there)]
    same = None if here is there or "" in (*both[0][:1], *both[1][:1]) else int(np.count_nonzero(both[0] == both[1]))
    return Agreement(common, same)


def predictions(project: Project, ids: np.ndarray) -> np.ndarray:
    """What a project's model predicts for samples it has, as people read it; empty texts if it does not say."""
    if "prediction" not in project.attributions.variables:
        return np.full(len(ids), "")
    values, at = np.unique(project.attributions["prediction"].values[project.find(ids)], return_inverse=True)
    return np.array([project.label_text(value) for value in values], dtype=object)[at]
