"""What each view and each step of the verdict is good for: the same models, with one of them left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from bench.find.data import NATURAL
from bench.find.ranking import f1, rank_of
from bench.find.tables import STRONG, WEAK, counted
from bench.find.trial import Trial, made
from spray._tables import table
from spray.analysis.judged import values_of
from spray.verdict import (
    Statistics,
    Suspect,
    Usual,
    White,
    added,
    spaces_of,
    statistics,
    suspect,
    usual,
    views_of,
    without,
)
from spray.verdict.candidates import clusters, distinct, embedding
from spray.verdict.suspects import scored

ALL = "all"
ONE = "no covariance: each feature in the others' deviations"
SAME = "no others: a class in its own covariance"


def units(name: str, others: Statistics, own: Statistics) -> Statistics:
    """What a category is whitened by."""
    table = {ALL: others, ONE: others._replace(scatter=np.diag(np.diag(others.scatter))), SAME: own}
    return table[name]._replace(mean=others.mean)


def left_out(trial: Trial) -> dict[str, Any]:
    """Variant -> suspicion of each class and F1 of the group in the poisoned one."""
    one = made(trial)
    found: dict[str, Any] = {"trial": trial._asdict(), **one.facts, "refused": not one.learnt}
    if not found["refused"]:
        found["variants"] = variants(one.attributions, str(trial.of))
    return found


def variants(attributions: xr.Dataset, of: str) -> dict[str, dict[str, Any]]:
    """The candidates of every view are found once for each kind of units, as clustering is what takes time."""
    label, views = attributions.label.values, views_of(attributions.drop_vars("marked"))
    classes = [int(number) for number in np.unique(label)]
    at = classes.index(int(of))
    each = [values_of(attributions.isel(sample=np.flatnonzero(label == number)), views) for number in classes]
    own = [{name: statistics(value) for name, value in values.items()} for values in each]
    whole = {name: added(part[name] for part in own) for name in views}
    truth, found = attributions.marked.values[label == int(of)], {}
    for unit in (ALL, ONE, SAME):
        spaces, groups = [], []
        for number, values in enumerate(each):
            others = {name: without(whole[name], number, mine) for name, mine in own[number].items()}
            spaces.append(spaces_of(values, {name: units(unit, others[name], own[number][name]) for name in views}))
            groups.append({name: clusters(embedding(space.values)) for name, space in spaces[-1].items()})
        parts = Parts(spaces, groups, [len(label) - int((label == number).sum()) for number in classes])
        some = suspects(parts, list(views))
        found[unit] = _told(some, classes, at, truth)
        if unit != ALL:
            continue
        as_found = [one._replace(members=one.cluster) for one in some]
        found["no refining: the cluster as found"] = _told(as_found, classes, at, truth)
        found["no measure by the others' levels"] = _told(suspects(parts, list(views), _no_level), classes, at, truth)
        for name in views:
            kept = [one for one in views if one != name]
            found[f"without {name}"] = _told(suspects(parts, kept), classes, at, truth)
            found[f"only {name}"] = _told(suspects(parts, [name]), classes, at, truth)
    return found


class Parts(NamedTuple):
    """What suspects are made of, of each class."""

    spaces: list[dict[str, White]]
    groups: list[dict[str, np.ndarray]]
    """View -> its clusters, `(candidate, sample)`"""
    rest: list[int]
    """Samples of the other classes."""


def suspects(parts: Parts, names: Sequence[str], normal: Callable[[np.ndarray], Usual] = usual) -> list[Suspect]:
    """The suspect of each class, from some of the views."""
    spaces = [{name: space[name] for name in names} for space in parts.spaces]
    members = [distinct(np.concatenate([group[name] for name in names])) for group in parts.groups]
    weighed = [scored(*one) for one in zip(spaces, members, parts.rest, strict=True)]
    levels = np.stack([one.level for one in weighed])
    normals = [normal(np.delete(levels, number, 0)) for number in range(len(levels))]
    return [suspect(*one) for one in zip(spaces, weighed, normals, strict=True)]


def _no_level(levels: np.ndarray) -> Usual:
    return Usual(np.zeros(levels.shape[1]), np.ones(levels.shape[1]))


def _told(found: Sequence[Suspect], classes: Sequence[int], at: int, truth: np.ndarray) -> dict[str, Any]:
    suspicion = {str(number): one.suspicion for number, one in zip(classes, found, strict=True)}
    return {"suspicion": suspicion, "f1": f1(truth, found[at].members)}


def ablation(results: Sequence[dict[str, Any]], split: str) -> str:
    """A row a variant: how often the poisoned class is first, F1, and how far it is ahead of the next one."""
    good = [one for one in results if not one["refused"]]
    planted = [one for one in good if one["trial"]["share"] and one["trial"]["artefact"] != NATURAL]
    bands = [[one for one in planted if low <= one["reliance"] < high] for low, high in ((STRONG, 9), (WEAK, STRONG))]
    rows = []
    for name in dict.fromkeys(name for one in planted for name in one["variants"]):
        row: list[Any] = [name]
        for some in bands:
            has = [(one["variants"][name], str(one["trial"]["of"])) for one in some if name in one["variants"]]
            row.append(counted([rank_of(told["suspicion"], of) == 1 for told, of in has]))
            row.append(float(np.mean([told["f1"] for told, _ in has])) if has else float("nan"))
        ahead = [_ahead(one["variants"][name]["suspicion"], str(one["trial"]["of"])) for one in bands[0]]
        rows.append([*row, float(np.median(ahead)) if ahead else float("nan")])
    head = ["left out", "reliance >= .15: first", "F1", ".05 to .15: first", "F1", "ahead by, median"]
    return f"split {split}: {len(good)} models\n\n{table(rows, head)}"


def _ahead(suspicion: dict[str, float], of: str) -> float:
    return suspicion[of] - max(value for name, value in suspicion.items() if name != of)
