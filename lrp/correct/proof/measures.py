"""The proof: what a correction changed, group by group, with how sure that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor
from torch.nn import functional as F

from lrp.canonizers import canonize
from lrp.composites.presets import GRADIENT
from lrp.composites.table import Row
from lrp.correct.samples import Samples
from lrp.explain.channels import channel_axis
from lrp.graph.graph import Graph
from lrp.transform.program import relprop

MEASURES = {
    "accuracy": "share of samples that are predicted right",
    "relevance": "share of |relevance| of the own class that lies on the artefact, of samples with a mask",
    "tcav": "share of samples whose class's logit grows along the artefact's direction; 0.5 is none",
    "sensitivity": "mean |derivative of the class's logit along the artefact's direction|",
    "changed": "share of samples whose prediction is another one than before",
}
RESAMPLES = 1000


def report(
    before: Graph,
    after: Graph,
    data: Samples,
    composite: Iterable[Row],
    *,
    layer: str | None = None,
    v: Tensor | None = None,
    label_names: Iterable[str] = (),
    seed: int = 0,
    batch: int = 64,
) -> xr.Dataset:
    """Measures of both models by group, with 95 % intervals of a bootstrap over the samples of each group.

    Groups are each class without and with the artefact (`3 clean`, `3 artefact`); `worst` is the smallest value of any
    of these, `mean` their mean, `clean` all samples without it. `changed` of the clean ones is the collateral damage.

    Args:
        data: Test samples with `artefact`; with `mask`, for the share of relevance on it.
        composite: Rules of the relevance, the same for both models.
        layer, v: The artefact's direction, see `cav`; the original one is asked of both models.
        label_names: Name of each class, instead of its number.

    Returns:
        `value`, `lower`, `upper`, dims `(model, group, measure)`, and `n (group)`; NaN where a measure has no meaning.

    Raises:
        ValueError: It is not known which samples carry the artefact.

    Example:
        >>> import lrp
        >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2)).eval()
        >>> graph = lrp.trace(model, torch.zeros(1, 1, 2, 2))
        >>> data = Samples(torch.rand(8, 1, 2, 2), torch.arange(8) % 2, artefact=torch.arange(8) > 3)
        >>> found = report(graph, graph, data, lrp.composites.epsilon_plus())
        >>> found.value.sizes["model"], float(found.value.sel(model="after", group="clean", measure="changed"))
        (2, 0.0)
    """
    if data.artefact is None:
        raise ValueError("a report needs to know which test samples carry the artefact: Samples(x, y, artefact=...)")
    rows, names = list(composite), list(label_names)
    node = None if layer is None else before.find(layer).name
    axis = 1 if layer is None else channel_axis(before, layer)
    direction = None if v is None or node is None else (node, axis, v / v.norm())
    models = {"before": before, "after": after}
    found = {name: _per_sample(graph, data, rows, direction, batch) for name, graph in models.items()}
    told = {name: one.pop("prediction") for name, one in found.items()}
    return _table(found, told, data, names, seed)


def of_predictions(told: Mapping[str, np.ndarray], data: Samples, label_names: Iterable[str] = ()) -> xr.Dataset:
    """A report of accuracy and changed predictions alone, where there is no model: `before` and `after` are classes.

    Example:
        >>> data = Samples(torch.zeros(4, 1), torch.tensor([0, 0, 1, 1]), torch.tensor([False, True, False, True]))
        >>> told = {"before": np.array([0, 1, 1, 1]), "after": np.array([0, 0, 1, 1])}
        >>> float(of_predictions(told, data).value.sel(model="before", group="worst", measure="accuracy"))
        0.0
    """
    unknown = np.full(len(data), np.nan)
    right = {name: (classes == data.y.cpu().numpy()).astype(float) for name, classes in told.items()}
    found = {name: dict.fromkeys(MEASURES, unknown) | {"accuracy": right[name]} for name in told}
    return _table(found, told, data, list(label_names), 0)


def _table(
    found: Mapping[str, dict[str, np.ndarray]],
    told: Mapping[str, np.ndarray],
    data: Samples,
    names: list[str],
    seed: int,
) -> xr.Dataset:
    """From measures of each sample to groups, models `before` and `after`."""
    models = list(found)
    for name, one in found.items():
        one["changed"] = (told[name] != told["before"]).astype(float)
    groups = _groups(data, names)
    rng = np.random.default_rng(seed)
    drawn = {g: rng.integers(0, len(at), (RESAMPLES, len(at))) for g, at in groups.items() if len(at)}
    columns = {
        (model, measure): _summed({g: one[measure][at] for g, at in groups.items()}, drawn, measure)
        for model, one in found.items()
        for measure in MEASURES
    }
    order = [*groups, "mean", "worst"]
    table = np.array(
        [[[columns[model, m][g] for m in MEASURES] for g in order] for model in models]
    )  # model, group, measure, (value, lower, upper)
    dims = ("model", "group", "measure")
    every = {name: (dims, table[..., at]) for at, name in enumerate(("value", "lower", "upper"))}
    sizes = [len(groups[g]) if g in groups else len(data) for g in order]
    coords = {"model": models, "group": order, "measure": list(MEASURES), "n": ("group", sizes)}
    return xr.Dataset(every, coords, {f"measure {name}": text for name, text in MEASURES.items()})


def _groups(data: Samples, names: list[str]) -> dict[str, np.ndarray]:
    y, artefact = data.y.cpu().numpy(), data.artefact.bool().cpu().numpy()  # type: ignore[union-attr]
    found = {}
    for number in np.unique(y):
        called = names[number] if number < len(names) else str(number)
        for word, carries in (("clean", ~artefact), ("artefact", artefact)):
            if (chosen := np.flatnonzero((y == number) & carries)).size:
                found[f"{called} {word}"] = chosen
    return found | {"clean": np.flatnonzero(~artefact)}


def _summed(
    values: Mapping[str, np.ndarray], drawn: Mapping[str, np.ndarray], measure: str
) -> dict[str, tuple[float, float, float]]:
    """Value and bounds of each group, of the mean of the small groups, and of the worst of them."""
    means, draws = {}, {}
    for group, some in values.items():
        known = np.isfinite(some)
        means[group] = float(some[known].mean()) if known.any() else np.nan
        with np.errstate(invalid="ignore"):
            picked = some[drawn[group]] if group in drawn else np.full((RESAMPLES, 1), np.nan)
            count = np.isfinite(picked).sum(1)
            draws[group] = np.where(count > 0, np.nansum(picked, 1) / np.maximum(count, 1), np.nan)
    # of opposite classes a direction is for one what it is against the other: their mean says nothing
    small = [g for g in values if g != "clean" and np.isfinite(means[g]) and measure != "tcav"]
    worst: Any = np.min if measure == "accuracy" else np.max  # of all others less is better
    for name, join in (("mean", np.mean), ("worst", worst)):
        means[name] = float(join([means[g] for g in small])) if small else np.nan
        draws[name] = join([draws[g] for g in small], axis=0) if small else np.full(RESAMPLES, np.nan)
    return {g: (means[g], *_bounds(draws[g])) for g in means}


def _bounds(draws: np.ndarray) -> tuple[float, float]:
    known = draws[np.isfinite(draws)]
    return (float(np.quantile(known, 0.025)), float(np.quantile(known, 0.975))) if len(known) else (np.nan, np.nan)


def _per_sample(
    graph: Graph, data: Samples, composite: list[Row], direction: tuple[str, int, Tensor] | None, batch: int
) -> dict[str, np.ndarray]:
    """Each measure of each sample, and its prediction."""
    program = relprop(canonize(graph, composite=composite), composite)
    slopes = relprop(graph, GRADIENT) if direction is not None else None
    weights = program.prepare(graph.params)
    parts: dict[str, list[Tensor]] = {name: [] for name in ("prediction", *MEASURES) if name != "changed"}
    with torch.no_grad():
        for some in (data.rows(rows) for rows in torch.arange(len(data)).split(batch)):
            output, pullback = program(weights, some.x)
            seed = F.one_hot(some.y, output.shape[1]).to(output.dtype)
            parts["prediction"].append(output.argmax(1))
            parts["accuracy"].append((output.argmax(1) == some.y).double())
            relevance = pullback(seed)
            parts["relevance"].append(_share(relevance, some.mask))
            along = _along(slopes, graph, some.x, seed, direction)
            parts["tcav"].append(torch.where(along == 0, 0.5, (along > 0).double()) + 0 * along)
            parts["sensitivity"].append(along.abs())
    return {name: torch.cat(values).cpu().numpy() for name, values in parts.items()}


def _share(relevance: Tensor, mask: Tensor | None) -> Tensor:
    """|R| on the mask of all |R|; NaN without a mask."""
    if mask is None:
        return torch.full((len(relevance),), float("nan"), dtype=torch.double)
    size = relevance.double().abs()
    share = (size * (mask > 0)).flatten(1).sum(1) / size.flatten(1).sum(1)
    return torch.where((mask > 0).flatten(1).any(1), share, float("nan"))


def _along(slopes: Any, graph: Graph, x: Tensor, seed: Tensor, direction: tuple[str, int, Tensor] | None) -> Tensor:
    """Derivative of the class's logit along the direction, averaged over places; NaN where none is given."""
    if direction is None:
        return torch.full((len(x),), float("nan"), dtype=torch.double)
    node, axis, v = direction
    _, pullback = slopes(slopes.prepare(graph.params), x)
    _, hidden = pullback(seed, at=[node])
    gradient = hidden[node].relevance.movedim(axis, 1)
    if v.shape != gradient.shape[1:] and gradient.ndim > 2:
        gradient = gradient.flatten(2).mean(2)
    return (gradient.flatten(1) @ v.flatten()).double()


def is_worse(found: xr.Dataset, tolerance: float = 0.01) -> list[str]:
    """Why a correction is none: the worst group got worse, or clean accuracy fell by more than the tolerance.

    Example:
        >>> values = xr.DataArray([[0.5, 0.9], [0.9, 0.8]], {"model": ["before", "after"], "group": ["worst", "clean"]})
        >>> is_worse(values.expand_dims(measure=["accuracy"]).to_dataset(name="value"))
        ['clean accuracy fell from 0.900 to 0.800, more than 0.01']
    """
    accuracy = found.value.sel(measure="accuracy")
    get = {(m, g): float(accuracy.sel(model=m, group=g)) for m in ("before", "after") for g in ("worst", "clean")}
    said = []
    if get["after", "worst"] < get["before", "worst"]:
        said.append(f"the worst group's accuracy fell from {get['before', 'worst']:.3f} to {get['after', 'worst']:.3f}")
    if get["after", "clean"] < get["before", "clean"] - tolerance:
        before, after = get["before", "clean"], get["after", "clean"]
        said.append(f"clean accuracy fell from {before:.3f} to {after:.3f}, more than {tolerance:g}")
    return said


def as_text(found: xr.Dataset) -> str:
    """A report as a table: a row a group, before -> after of each measure."""
    head = ["group", "n", *map(str, found.measure.values)]
    lines = [head]
    for group in found.group.values:
        cells = [f"{group}", f"{int(found.n.sel(group=group))}"]
        for measure in found.measure.values:
            one = found.sel(group=group, measure=measure)
            before, after = (_cell(one.sel(model=model)) for model in ("before", "after"))
            cells.append("-" if before == after == "-" else after if measure == "changed" else f"{before} -> {after}")
        lines.append(cells)
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _cell(one: xr.Dataset) -> str:
    value, lower, upper = (float(one[name]) for name in ("value", "lower", "upper"))
    return "-" if not np.isfinite(value) else f"{value:.3f} [{lower:.2f} {upper:.2f}]"
