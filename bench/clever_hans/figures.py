"""The experiment's figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from torch import Tensor

from bench.clever_hans.criteria import fixed, pair

# Paul Tol's "muted" and a gray: told apart by the colour-blind; the classes are numbered in the figures as well
COLORS = "#CC6677 #332288 #DDCC77 #117733 #88CCEE #882255 #44AA99 #999933 #AA4499 #666666".split()
MARKERS = "oDs^vPX<>*"
APART = 0.055  # of the axes: how far numbers keep away from each other and from points


def agreement(trials: xr.Dataset, title: str) -> Figure:
    """The paper's Fig 12: accuracy and tau of the poisoned model over the control's."""
    figure = Figure(figsize=(9.2, 5.1), layout="constrained")
    at = fixed(trials)
    texts = {"accuracy": "accuracy with the box on the other class", "tau": "separability τ of the class's clusters"}
    for axes, (name, text) in zip(figure.subplots(1, 2), texts.items(), strict=True):
        _pairs(axes, *pair(at[name]))
        axes.set(title=text.capitalize(), xlabel="control model", ylabel="poisoned model")
    figure.suptitle(f"{title}\n", fontweight="bold")
    handles = [
        Line2D([], [], color="0.35", ls="", marker="o", markersize=4, alpha=0.6, label="models of one initialisation"),
        Line2D([], [], color="0.35", ls="", marker="o", markersize=8, label="mean of a class, with its number"),
        Line2D([], [], color="black", ls="--", lw=1, label="no difference"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    return figure


def _pairs(axes: Axes, clean: xr.DataArray, poisoned: xr.DataArray) -> None:
    """A pale dot a pair of models, a large one the mean of a class, its number beside it; one scale for both axes."""
    low, high = min(clean.min(), poisoned.min()).item(), max(clean.max(), poisoned.max()).item()
    pad = 0.12 * (high - low) + 1e-3
    low, high = low - pad, high + pad
    axes.axline((low, low), slope=1, color="black", linestyle="--", linewidth=1, zorder=1)
    means = np.stack([part.mean("seed").values for part in (clean, poisoned)], -1)
    places = low + (high - low) * beside((means - low) / (high - low))
    for number, (mean, place) in enumerate(zip(means, places, strict=True)):
        label, color = int(clean["class"][number]), COLORS[int(clean["class"][number])]
        axes.scatter(clean[number], poisoned[number], s=16, color=color, alpha=0.5, linewidths=0, zorder=2)
        axes.plot(*np.stack([mean, place], -1), color=color, linewidth=1, zorder=3)
        axes.scatter(*mean, s=60, color=color, edgecolors="black", linewidths=0.6, zorder=4)
        around = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": color}
        text = {"ha": "center", "va": "center_baseline", "fontsize": 8}
        axes.annotate(str(label), place, bbox=around, zorder=5, **text)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    axes.locator_params(nbins=6)
    axes.grid(alpha=0.25)


def beside(points: np.ndarray, apart: float = APART) -> np.ndarray:
    """Places in the unit square for labels of `points (n, 2)`: at least `apart` from each other and from all points."""
    places = points + 1e-3 * np.random.default_rng(0).normal(size=points.shape)  # equal points have no direction
    for _ in range(1000):
        others = np.concatenate([places, points])
        between = places[:, None] - others
        distance = np.linalg.norm(between, axis=-1)
        push = np.clip(apart - distance, 0, None) * (distance > 0)
        if not push.any():
            break
        distance[distance == 0] = 1
        places = np.clip(places + 0.3 * (push[..., None] * between / distance[..., None]).sum(1), 0.03, 0.97)
    return places


def sensitivity(experiments: Mapping[str, xr.Dataset]) -> Figure:
    """What other numbers of neighbours and components would have given: a row an experiment."""
    figure = Figure(figsize=(10, 3.1 * len(experiments)), layout="constrained")
    rows = figure.subplots(len(experiments), 3, squeeze=False)
    for row, (name, trials) in zip(rows, experiments.items(), strict=True):
        seen, choices = trials.sel(images="seen"), json.loads(trials.attrs["choices"])
        tau, gap = (poisoned - clean for clean, poisoned in map(pair, (seen.tau, seen.cluster_gap)))
        tables = {
            "change of τ": (tau, "PuOr_r", (-0.2, 0.2)),
            "AMI of clusters and box": (seen.ami.sel(arm="poisoned"), "cividis", (0, 1)),
            "change of cluster gap": (gap, "PuOr_r", (-0.2, 0.2)),
        }
        for axes, (title, (values, colors, limits)) in zip(row, tables.items(), strict=True):
            _grid(axes, values.mean(("class", "seed")).transpose("neighbors", "components"), colors, limits, choices)
            axes.set(title=f"{name}\n{title}", xlabel="components q", ylabel="neighbours k")
    return figure


def _grid(axes: Axes, means: xr.DataArray, colors: str, limits: tuple[float, float], choices: Mapping) -> None:
    """A table of colours and numbers; what was fixed is framed."""
    axes.imshow(means, cmap=colors, vmin=limits[0], vmax=limits[1], aspect="auto")
    signed = limits[0] < 0
    for (row, column), value in np.ndenumerate(means.values):
        level = (value - limits[0]) / (limits[1] - limits[0])
        ink = "black" if (0.12 < level < 0.88 if signed else level > 0.5) else "white"
        text = f"{round(float(value), 2) + 0.0:{'+' if signed else ''}.2f}"
        axes.text(column, row, text, ha="center", va="center", color=ink)
    column = means.components.values.tolist().index(choices["components"])
    row = means.neighbors.values.tolist().index(choices["neighbors"])
    frame = {"fill": False, "edgecolor": "#D62728", "linewidth": 2.5}
    axes.add_patch(Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, **frame))
    axes.set_xticks(range(means.sizes["components"]), means.components.values)
    axes.set_yticks(range(means.sizes["neighbors"]), means.neighbors.values)


def reliance(variations: xr.Dataset) -> Figure:
    """Is SpRAy's finding a matter of how far the models rely on the box? A marker is the mean of a class."""
    figure = Figure(figsize=(9.5, 8), layout="constrained")
    clean, poisoned = (variations.sel(arm=arm).mean("seed") for arm in ("clean", "poisoned"))
    panels = {
        "share of relevance in the box": poisoned.share_boxed,
        "AMI of 2-means and box": poisoned.ami_kmeans,
        "AMI of HDBSCAN's clusters and box": poisoned.ami,
        "change of cluster gap": poisoned.cluster_gap - clean.cluster_gap,
    }
    grid = figure.subplots(2, 2, sharex=True)
    for axes, (title, values) in zip(grid.flat, panels.items(), strict=True):
        for number, name in enumerate(variations.variation.values):
            style = {"marker": MARKERS[number], "color": COLORS[number], "edgecolors": "black", "linewidths": 0.4}
            at = {"variation": name}
            axes.scatter(poisoned.box_effect.sel(at), values.sel(at), s=36, alpha=0.9, label=name, **style)
        axes.set(ylabel=title)
        axes.grid(alpha=0.25)
    figure.supxlabel("what the box does to the poisoned model: change of the logit difference / its mean magnitude")
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False)
    return figure


def examples(experiments: Mapping[str, xr.Dataset], pictures: Mapping[str, Tensor], label: int) -> Figure:
    """What models see and where the relevance of a class lies; `pictures` are `(2, channel, height, width)`."""
    figure = Figure(figsize=(10, 2.2 * len(experiments)), layout="constrained")
    rows = figure.subplots(len(experiments), 5, squeeze=False)
    titles = [
        "image",
        "with the box",
        "control,\nsamples chosen",
        "poisoned,\nother samples",
        "poisoned,\nsamples with box",
    ]
    shown = [("clean", 1), ("poisoned", 0), ("poisoned", 1)]
    for row, (name, trials) in zip(rows, experiments.items(), strict=True):
        maps = trials.relevance.sel({"images": "seen", "class": label}).mean("seed")
        maps = [maps.sel(arm=arm, chosen=chosen).values for arm, chosen in shown]
        bound = max(float(np.abs(part).max()) for part in maps)
        for axes, picture in zip(row, pictures[name], strict=False):
            axes.imshow(picture.permute(1, 2, 0), cmap="gray", vmin=0, vmax=1)
        scale = {"cmap": "RdBu_r", "vmin": -bound, "vmax": bound}
        heats = [axes.imshow(part, **scale) for axes, part in zip(row[2:], maps, strict=True)]
        figure.colorbar(heats[0], ax=row[2:].tolist(), label="mean relevance", shrink=0.8)
        for axes in row:
            axes.set(xticks=[], yticks=[])
        row[0].set_ylabel(name.replace(", ", ",\n"))
    for axes, title in zip(rows[0], titles, strict=True):
        axes.set_title(title)
    return figure


def save(figure: Figure, path: Path) -> None:
    """A PNG without the time or the library's version: equal figures are equal files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, metadata={"Software": None})
