"""Does what came out agree with the paper's Fig 12? Criteria fixed before the first run, on the dataset of all trials.

All take `(class, seed, arm, ...)` with the fixed neighbours and components selected, see `fixed`.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from scipy.stats import wilcoxon
from sklearn.metrics import roc_auc_score

CLASSES_BELOW = 1.0  # A: share of class means below the diagonal
TRIALS_BELOW = 0.96  # A: share of trials below it, 48 of 50
CLASSES_UP = 3  # B: classes whose tau rises by more than 2 pooled standard errors
ERRORS = 2.0
AMI = 0.5  # C
SHARE_RATIO = 5.0  # C
CLASSES_FOUND = 0.8  # C: share of classes for which both hold
SCORES = ("tau", "eigengap", "cluster_gap", "clever_hans", "attribution_tau", "ami", "ami_kmeans")


class Verdict(NamedTuple):
    name: str
    criterion: str
    measured: str
    met: bool


def fixed(trials: xr.Dataset, images: str = "seen") -> xr.Dataset:
    """The trials at the fixed numbers of neighbours and components."""
    choices = json.loads(trials.attrs["choices"])
    return trials.sel(images=images, neighbors=choices["neighbors"], components=choices["components"])


def verdicts(trials: xr.Dataset) -> list[Verdict]:
    """All criteria, on the images as each model saw them."""
    at = fixed(trials)
    return [accuracy(at), separability(at), clusters(at), relevance(at), *([null(at)] if "null" in at.arm else [])]


def accuracy(at: xr.Dataset) -> Verdict:
    """A: the poisoned model is worse than the control once the other class wears the box."""
    clean, poisoned = pair(at.accuracy)
    below = (poisoned < clean).mean().item()
    classes = (poisoned.mean("seed") < clean.mean("seed")).values
    return Verdict(
        "A accuracy",
        f"all class means and at least {TRIALS_BELOW:.0%} of the trials below the diagonal",
        f"{classes.sum()} of {len(classes)} classes, {below:.0%} of trials; means {clean.mean():.3f} -> "
        f"{poisoned.mean():.3f}",
        bool(classes.mean() >= CLASSES_BELOW and below >= TRIALS_BELOW),
    )


def separability(at: xr.Dataset) -> Verdict:
    """B: tau rises on average, considerably for some classes, and for fewer it falls considerably."""
    clean, poisoned = pair(at.tau)
    change = (poisoned - clean).mean("seed")
    error = np.sqrt((poisoned.var("seed", ddof=1) + clean.var("seed", ddof=1)) / at.sizes["seed"])
    up, down = int((change > ERRORS * error).sum()), int((change < -ERRORS * error).sum())
    return Verdict(
        "B tau",
        f"mean rise above 0; at least {CLASSES_UP} classes rise by > {ERRORS:g} pooled standard errors, fewer fall",
        f"mean change {change.mean():+.3f}; {up} classes rise, {down} fall; Wilcoxon p = {p_value(at.tau):.3f}",
        bool(change.mean() > 0 and up >= CLASSES_UP and down < up),
    )


def clusters(at: xr.Dataset) -> Verdict:
    """C, first half: the clusters tell which samples carry the box."""
    found = at.ami.sel(arm="poisoned").mean("seed").values
    return Verdict(
        "C clusters",
        f"AMI of clusters and box > {AMI} in at least {CLASSES_FOUND:.0%} of the classes",
        f"{(found > AMI).sum()} of {len(found)} classes; AMI {found.min():.2f} to {found.max():.2f}, "
        f"mean {found.mean():.2f}",
        bool((found > AMI).mean() >= CLASSES_FOUND),
    )


def relevance(at: xr.Dataset) -> Verdict:
    """C, second half: relevance moves into the box."""
    clean, poisoned = (part.mean("seed") for part in pair(at.share_boxed))
    ratio = (poisoned / clean).values
    return Verdict(
        "C relevance",
        f"share of relevance in the box >= {SHARE_RATIO:g} times the control's in {CLASSES_FOUND:.0%} of the classes",
        f"{(ratio >= SHARE_RATIO).sum()} of {len(ratio)} classes; {clean.mean():.1%} -> {poisoned.mean():.1%}, "
        f"ratio {ratio.min():.1f} to {ratio.max():.1f}",
        bool((ratio >= SHARE_RATIO).mean() >= CLASSES_FOUND),
    )


def null(at: xr.Dataset) -> Verdict:
    """D: two controls with different seeds have the same tau. Chance alone fails this in 32 of 100 cases."""
    change = (at.tau.sel(arm="null") - at.tau.sel(arm="clean")).mean("seed")
    error = (change.std(ddof=1) / np.sqrt(change.size)).item()
    return Verdict(
        "D null",
        "0 % poisoned: the mean change of tau is smaller than its standard error",
        f"{change.mean():+.3f}, standard error {error:.3f}",
        bool(abs(change.mean()) < error),
    )


def pair(values: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """The control's and the poisoned model's."""
    return values.sel(arm="clean", drop=True), values.sel(arm="poisoned", drop=True)


def p_value(values: xr.DataArray) -> float:
    """One-sided Wilcoxon signed-rank test over the class means: is the poisoned model's larger?"""
    clean, poisoned = (part.mean("seed").values for part in pair(values))
    if np.array_equal(clean, poisoned):
        return 1.0
    test: Any = wilcoxon  # its type is lost in scipy's decorators
    return float(test(poisoned, clean, alternative="greater", nan_policy="omit").pvalue)


def ranking(values: xr.DataArray) -> float:
    """Area under the ROC curve: how often a score puts a poisoned model above a control; 0.5 is chance."""
    clean, poisoned = (part.values[np.isfinite(part.values)] for part in pair(values))
    if not clean.size or not poisoned.size:
        return float("nan")
    return float(roc_auc_score(np.repeat([0, 1], [clean.size, poisoned.size]), np.concatenate([clean, poisoned])))


def table(trials: xr.Dataset) -> str:
    """Verdicts and scores as Markdown."""
    lines = ["| criterion | asks for | measured | verdict |", "|---|---|---|---|"]
    lines += [
        f"| {v.name} | {v.criterion} | {v.measured} | {'met' if v.met else '**not met**'} |" for v in verdicts(trials)
    ]
    arms = [str(arm) for arm in trials.arm.values]
    lines += ["", f"| mean over classes and seeds | {' | '.join(arms)} | p | AUC |", "|---" * (len(arms) + 3) + "|"]
    at = fixed(trials)
    for name in SCORES:
        means = " | ".join(f"{at[name].sel(arm=arm).mean():.3f}" for arm in arms)
        lines.append(f"| {name} | {means} | {p_value(at[name]):.3f} | {ranking(at[name]):.2f} |")
    return "\n".join(lines)
