"""The experiment's figures, of the dataset of all trials."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.clever_hans.criteria import fixed, pair

# Paul Tol's "muted" and a gray: told apart by the colour-blind; the classes are numbered in the figure as well
COLORS = "#CC6677 #332288 #DDCC77 #117733 #88CCEE #882255 #44AA99 #999933 #AA4499 #666666".split()
PALE = {2, 4, 6, 7}  # colours on which black reads better
CONTROL, POISONED = "#666666", "#C1440E"


def agreement(trials: xr.Dataset) -> Figure:
    """The paper's Fig 12: accuracy and tau of the poisoned model over the control's."""
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    at = fixed(trials)
    texts = {
        "accuracy": (
            "Accuracy with the box on the other class",
            "below the line: the poisoned model relies on the box",
        ),
        "tau": ("Separability τ of the class's clusters", "above the line: clusters further apart"),
    }
    for axes, (name, (title, note)) in zip(figure.subplots(1, 2), texts.items(), strict=True):
        _pairs(axes, *pair(at[name]))
        axes.set(title=title, xlabel=f"control model\n({note})", ylabel="poisoned model")
    return figure


def _pairs(axes: Axes, clean: xr.DataArray, poisoned: xr.DataArray) -> None:
    """A pale dot a pair of models, a numbered disc the mean of a class, the diagonal; one scale for both axes."""
    low, high = min(clean.min(), poisoned.min()).item(), max(clean.max(), poisoned.max()).item()
    pad = 0.06 * (high - low) + 1e-3
    axes.axline((low, low), slope=1, color="black", linestyle="--", linewidth=1)
    for label in clean["class"].values:
        x, y = (part.sel({"class": label}) for part in (clean, poisoned))
        axes.scatter(x, y, s=16, color=COLORS[label], alpha=0.45, linewidths=0)
    for label in clean["class"].values:
        x, y = (part.sel({"class": label}).mean().item() for part in (clean, poisoned))
        axes.scatter(x, y, s=150, color=COLORS[label], edgecolors="white", linewidths=1, zorder=3)
        ink = "black" if label in PALE else "white"
        axes.annotate(str(label), (x, y), ha="center", va="center_baseline", color=ink, fontsize=9, zorder=4)
    axes.set(xlim=(low - pad, high + pad), ylim=(low - pad, high + pad), aspect="equal")
    axes.grid(alpha=0.25)


def sensitivity(trials: xr.Dataset) -> Figure:
    """What other numbers of neighbours and components would have given."""
    seen = trials.sel(images="seen")
    tau, gap = (poisoned - clean for clean, poisoned in map(pair, (seen.tau, seen.cluster_gap)))
    tables = {
        "change of τ\n(poisoned − control)": (tau, "PuOr"),
        "AMI of clusters and box\n(poisoned models)": (seen.ami.sel(arm="poisoned"), "cividis"),
        "change of cluster gap\n(poisoned − control)": (gap, "PuOr"),
    }
    choices = json.loads(trials.attrs["choices"])
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    for axes, (title, (values, colors)) in zip(figure.subplots(1, 3), tables.items(), strict=True):
        means = values.mean(("class", "seed")).transpose("neighbors", "components")
        bound = max(float(abs(means).max()), 0.05)
        shown = axes.imshow(means, cmap=colors, vmin=-bound if colors == "PuOr" else 0, vmax=bound, aspect="auto")
        for (row, column), value in np.ndenumerate(means.values):
            level = shown.norm(value)
            ink = "black" if (0.2 < level < 0.8 if colors == "PuOr" else level > 0.5) else "white"
            text = f"{value:+.2f}" if colors == "PuOr" else f"{value:.2f}"
            axes.text(column, row, text, ha="center", va="center", color=ink)
        at = (
            list(means.components.values).index(choices["components"]),
            list(means.neighbors.values).index(choices["neighbors"]),
        )
        axes.add_patch(_frame(at))
        axes.set_xticks(range(means.sizes["components"]), means.components.values)
        axes.set_yticks(range(means.sizes["neighbors"]), means.neighbors.values)
        axes.set(title=title, xlabel="components q", ylabel="neighbours k")
    return figure


def _frame(at: tuple[int, int]):
    from matplotlib.patches import Rectangle

    return Rectangle((at[0] - 0.46, at[1] - 0.46), 0.92, 0.92, fill=False, edgecolor="black", linewidth=2)


def save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, metadata={"Software": None})


FIGURES: dict[str, Callable[[xr.Dataset], Figure]] = {"agreement": agreement, "sensitivity": sensitivity}
