"""All categories of an analysis side by side: which to look at first."""

from typing import Any, NamedTuple

import numpy as np

from viewer.projects import Project
from viewer.scene.suspects import Suspect, index_of, suspect_in

SUSPICIOUS = ("suspicion", "clever_hans", "cluster_gap", "eigengap")  # what ranks categories, the first that is there
TEXTS = ("used", "suspect_view", "suspect_clustering")  # beside the number of a cluster: never sorted by
MOST_LISTED = 2000  # rows
MOST_CARDS = 24
ON_CARDS = ("suspicion", "clever_hans", "suspect_size", "n", "accuracy")


class Card(NamedTuple):
    """A category and its suspect, with what the ranking says of them."""

    category: str
    suspect: Suspect
    numbers: dict[str, float]
    judgement: str
    reasons: str


class Overview(NamedTuple):
    """One row a category, ranked by `order`, the largest first."""

    columns: tuple[str, ...]
    """Numbers, but for `TEXTS`."""
    rows: list[tuple[str, dict[str, Any]]]
    order: str
    cards: tuple[Card, ...] = ()
    """Of the first rows, those with a suspect."""
    missing: str = ""
    """What the ranking has not looked at."""


def overview(project: Project, analysis: str, order: str = "") -> Overview:
    index = index_of(project, analysis)
    known = set(project.analyses[analysis])
    categories = [str(category) for category in index.category.values]
    numbers = {
        str(name): v.values for name, v in index.data_vars.items() if v.dims == ("category",) and v.dtype.kind in "fiu"
    }
    if (accuracy := _accuracy(project, categories)) is not None:
        numbers["accuracy"] = accuracy
    numbers.pop("label", None)
    texts = {name: index[name].values for name in TEXTS if name in index and index[name].dtype.kind in "OU"}
    named = dict.fromkeys(name for name in ("n", "accuracy", *numbers) if name in numbers)
    columns = tuple(c for name in named for c in ([*texts] if name == "suspect_cluster" else []) + [name])
    order = order if order in named else next((name for name in SUSPICIOUS if name in named), "")
    errors = index.error.values if "error" in index else [""] * len(categories)
    rows = [
        (category, _values(numbers, texts, at) | {"error": str(errors[at])})
        for at, category in enumerate(categories)
        if category in known or errors[at]
    ]
    ranked = _ranked(rows, order)
    facts = {category: {str(name): v.values[at] for name, v in index.items()} for at, category in enumerate(categories)}
    cards = (_card(project, analysis, category, numbers, facts[category]) for category, numbers in ranked[:MOST_CARDS])
    missing = next((str(text) for text in index["missing"].values if text), "") if "missing" in index else ""
    return Overview(columns, ranked, order, tuple(card for card in cards if card), missing)


def _card(project: Project, analysis: str, category: str, row: dict[str, Any], facts: dict[str, Any]) -> Card | None:
    suspect = suspect_in(project, analysis, facts)
    if suspect is None or category not in project.analyses[suspect.analysis]:
        return None
    numbers = {name: float(row[name]) for name in ON_CARDS if name in row and np.isfinite(row[name])}
    return Card(category, suspect, numbers, str(facts.get("judgement", "")), str(facts.get("reasons", "")))


def _values(numbers: dict[str, np.ndarray], texts: dict[str, np.ndarray], at: int) -> dict[str, Any]:
    found = {name: column[at].item() for name, column in numbers.items()}
    return found | {name: str(column[at]) for name, column in texts.items()}


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
