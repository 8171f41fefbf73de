"""Where the suspect of a category is, as the rankings of `spray` say it."""

from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from spray import store
from viewer.projects import Project

RANKINGS = ("suspicion", "suspect_cluster")  # columns of an index that ranks, the better one first


class Suspect(NamedTuple):
    """A cluster of a clustering of an analysis."""

    analysis: str
    clustering: str
    cluster: int
    by: str = ""
    """What its categories are."""


def index_of(project: Project, analysis: str) -> xr.Dataset:
    """A row a category, with all that is known of it as a whole."""
    if project.foreign is None:
        return store.read_analysis_index(project.path, analysis)
    sizes = {name: data.sizes["sample"] for name, data in project.foreign[analysis].items()}
    return xr.Dataset({"n": ("category", list(sizes.values()))}, {"category": list(sizes)})


def best_ranking(project: Project) -> str:
    """The analysis whose ranking a stranger should see first: the verdict if there is one; "" if nothing ranks."""
    indices = {name: index_of(project, name) for name, categories in project.analyses.items() if categories}
    for column in RANKINGS:
        for name, index in indices.items():
            if column in index:
                return name
    return ""


def suspect_of(project: Project, analysis: str, category: str) -> Suspect | None:
    """The suspect that a ranking names; None where it names none, or cannot be read, which the ranking says itself."""
    if analysis not in project.analyses:
        return None
    try:
        index = index_of(project, analysis)
    except store.ProjectError:
        return None
    at = np.flatnonzero(index.category.values.astype(str) == category)
    return suspect_in(project, analysis, {str(name): v.values[at[0]] for name, v in index.items()}) if at.size else None


def suspect_in(project: Project, analysis: str, facts: dict[str, Any]) -> Suspect | None:
    """Likewise, from a row of the index; one of an analysis that is not there any more is none."""
    clustering, cluster = facts.get("suspect_clustering", ""), facts.get("suspect_cluster", np.nan)
    where = str(facts.get("suspect_analysis") or analysis)
    if not clustering or not np.isfinite(cluster) or where not in project.analyses:
        return None
    return Suspect(where, str(clustering), int(cluster), str(facts.get("by", "")))
