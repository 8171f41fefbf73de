"""All categories of an analysis side by side: which to look at first."""

from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from spray import store
from viewer.projects import Project

SUSPICIOUS = ("suspicion", "clever_hans", "cluster_gap", "eigengap")  # what ranks categories, the first that is there
TEXTS = ("used", "suspect_view", "suspect_clustering")  # beside the number of a cluster: never sorted by
MOST_LISTED = 2000  # rows


class Overview(NamedTuple):
    """One row a category, ranked by `order`, the largest first."""

    columns: tuple[str, ...]
    """Numbers, but for `TEXTS`."""
    rows: list[tuple[str, dict[str, Any]]]
    order: str


def overview(project: Project, analysis: str, order: str = "") -> Overview:
    index = _index(project, analysis)
    known = set(project.analyses[analysis])
    categories = [str(category) for category in index.category.values]
    numbers = {
        str(name): v.values for name, v in index.data_vars.items() if v.dims == ("category",) and v.dtype.kind in "fiu"
    }
    if (accuracy := _accuracy(project, categories)) is not None:
        numbers["accuracy"] = accuracy
    numbers.pop("label", None)
    texts = {name: index[name].values for name in TEXTS if name in index and index[name].dtype.kind == "O"}
    named = dict.fromkeys(name for name in ("n", "accuracy", *numbers) if name in numbers)
    columns = tuple(c for name in named for c in ([*texts] if name == "suspect_cluster" else []) + [name])
    order = order if order in named else next((name for name in SUSPICIOUS if name in named), "")
    errors = index.error.values if "error" in index else [""] * len(categories)
    rows = [
        (category, _values(numbers, texts, at) | {"error": str(errors[at])})
        for at, category in enumerate(categories)
        if category in known or errors[at]
    ]
    return Overview(columns, _ranked(rows, order), order)


def _values(numbers: dict[str, np.ndarray], texts: dict[str, np.ndarray], at: int) -> dict[str, Any]:
    found = {name: column[at].item() for name, column in numbers.items()}
    return found | {name: str(column[at]) for name, column in texts.items()}


def suspect_clustering(project: Project, analysis: str, category: str) -> str:
    """The clustering that the ranking speaks of, "" where it speaks of none."""
    if analysis not in project.analyses or "suspect_clustering" not in (index := _index(project, analysis)):
        return ""
    at = np.flatnonzero(index.category.values.astype(str) == category)
    return str(index.suspect_clustering.values[at[0]]) if len(at) else ""


def _index(project: Project, analysis: str) -> xr.Dataset:
    if project.foreign is None:
        return store.read_analysis_index(project.path, analysis)
    sizes = {name: data.sizes["sample"] for name, data in project.foreign[analysis].items()}
    return xr.Dataset({"n": ("category", list(sizes.values()))}, {"category": list(sizes)})


def _ranked(rows: list[tuple[str, dict[str, Any]]], order: str) -> list[tuple[str, dict[str, Any]]]:
    """Largest first, what has no number last."""
    if not order:
        return rows
    return sorted(rows, key=lambda row: -np.inf if np.isnan(row[1][order]) else row[1][order], reverse=True)


def _accuracy(project: Project, categories: list[str]) -> np.ndarray | None:
    """Share of right predictions among the samples of each category that is a label."""
    attributions = project.attributions
    if not {"label", "prediction"} <= set(map(str, attributions.variables)):
        return None
    label, prediction = attributions["label"].values, attributions["prediction"].values
    if label.ndim != 1 or label.shape != prediction.shape:
        return None
    texts, at = np.unique(label.astype(str), return_inverse=True)
    share = np.bincount(at, label == prediction) / np.bincount(at)
    found = dict(zip(texts.tolist(), share.tolist(), strict=True))
    return np.array([found.get(category, np.nan) for category in categories])
