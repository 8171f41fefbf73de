"""Recipes: which stages make an analysis. A recipe is a table of steps, and printing it shows them.

Any function `(attributions of one category) -> Dataset` serves `spray.analyse` as well.
"""

import functools
import inspect
import itertools
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from spray.affinity import knn_affinity, knn_graph
from spray.clustering import hdbscan, kmeans
from spray.embedding import spectral_embedding, tsne
from spray.laplacian import symmetric_laplacian
from spray.memo import stage_name
from spray.preprocess import normalize, pool
from spray.ranking import eigengap

Stage = Callable[..., Any]
Memo = Callable[[Stage], Stage]
BLOCK = 1 << 28  # bytes of attributions in memory at once


class Step(NamedTuple):
    """`name` is what `stage` makes of the values named in `inputs` ("attributions.relevance": a variable of one)."""

    name: str
    stage: Stage
    inputs: tuple[str, ...]
    per_sample: bool = False  # looks at each sample alone, so it may run on blocks of samples
    remember: bool = True  # worth an entry of the memo

    def __str__(self) -> str:
        given = ", ".join([*self.inputs, *(f"{k}={_short(v)}" for k, v in parameters(self.stage).items())])
        return f"{self.name} = {stage_name(self.stage)}({given})"


@dataclass(frozen=True)
class Recipe:
    """Steps in order, and the names of those whose values make the result."""

    name: str
    steps: tuple[Step, ...]
    result: tuple[str, ...]

    def __call__(
        self,
        attributions: xr.Dataset,
        *,
        memo: Memo = lambda stage: stage,
        report: Callable[[str], None] = lambda _: None,
    ) -> xr.Dataset:
        values: dict[str, Any] = {"attributions": attributions}
        first = list(itertools.takewhile(lambda step: step.per_sample, self.steps))
        if first:
            report(first[-1].name)
            values[first[-1].name] = _in_blocks(first, attributions)
        for step in self.steps[len(first) :]:
            report(step.name)
            stage = memo(step.stage) if step.remember else step.stage
            values[step.name] = _recorded(stage(*(_look_up(values, name) for name in step.inputs)), step)
        return assemble([values[name] for name in self.result])

    def __str__(self) -> str:
        return "\n".join([f"{self.name}:", *(f"  {step}" for step in self.steps), f"  -> {', '.join(self.result)}"])


def spectral(
    *,
    variable: str = "relevance",
    window: Mapping[str, int] | int | None = 2,
    normalization: str = "sum",
    neighbors: int = 10,
    metric: str = "euclidean",
    components: int = 32,
    clusterings: Iterable[Stage] | None = None,
    embeddings: Iterable[Stage] | None = None,
) -> Recipe:
    """SpRAy (Lapuschkin et al. 2019, doi:10.1038/s41467-019-08987-4): cluster attributions in the spectral embedding
    of their nearest-neighbour graph.

    `clusterings` and `embeddings` are stages of the spectral embedding; k-means with 2 to 8 clusters, HDBSCAN and t-SNE
    unless given. `window=None` leaves the resolution as it is.

    >>> print(spectral(neighbors=5, embeddings=[]))
    spectral:
      pooled = pool(attributions.relevance, window=2)
      features = normalize(pooled, by='sum')
      neighbors = knn_graph(features, neighbors=5, metric='euclidean')
      affinity = knn_affinity(neighbors)
      laplacian = symmetric_laplacian(affinity)
      embedding = spectral_embedding(laplacian, components=32)
      eigengap = eigengap(embedding.eigenvalue)
      kmeans = kmeans(embedding.spectral, clusters=range(2, 9))
      hdbscan = hdbscan(embedding.spectral)
      -> embedding, neighbors, eigengap, kmeans, hdbscan
    """
    clusterings = [partial(kmeans, clusters=range(2, 9)), hdbscan] if clusterings is None else clusterings
    embeddings = [tsne] if embeddings is None else embeddings
    source = f"attributions.{variable}"
    pooled = [Step("pooled", partial(pool, window=window), (source,), per_sample=True)] if window else []
    branches = _named([*embeddings, *clusterings], "embedding.spectral")
    steps = (
        *pooled,
        Step("features", partial(normalize, by=normalization), ("pooled" if window else source,), per_sample=True),
        Step("neighbors", partial(knn_graph, neighbors=neighbors, metric=metric), ("features",)),
        Step("affinity", knn_affinity, ("neighbors",), remember=False),
        Step("laplacian", symmetric_laplacian, ("affinity",), remember=False),
        Step("embedding", partial(spectral_embedding, components=components), ("laplacian",)),
        Step("eigengap", eigengap, ("embedding.eigenvalue",), remember=False),
        *branches,
    )
    return Recipe("spectral", steps, ("embedding", "neighbors", "eigengap", *(step.name for step in branches)))


def partial(stage: Stage, **given: Any) -> Stage:
    """`stage` with some parameters given, which printing shows."""
    return functools.partial(stage, **given)


def parameters(stage: Stage) -> dict[str, Any]:
    """The parameters given to a stage."""
    return dict(stage.keywords) if isinstance(stage, functools.partial) else {}


def _named(stages: Iterable[Stage], source: str) -> list[Step]:
    """One step a stage, numbered where one stage occurs with several parameters."""
    steps: list[Step] = []
    for stage in stages:
        taken = sum(step.name.partition("_")[0] == stage_name(stage) for step in steps)
        steps.append(Step(stage_name(stage) + (f"_{taken + 1}" if taken else ""), stage, (source,)))
    return steps


def _in_blocks(steps: list[Step], attributions: xr.Dataset) -> Any:
    """The last value of `steps` that look at each sample alone; what is on disk is never in memory at once."""
    n = attributions.sizes["sample"]
    names = {name.partition(".")[2] for step in steps for name in step.inputs if name.startswith("attributions.")}
    bytes_each = max([1, *(attributions[name].nbytes // max(n, 1) for name in names if name in attributions)])
    blocks = []
    for start in range(0, max(n, 1), max(1, BLOCK // bytes_each)):
        block = attributions.isel(sample=slice(start, start + max(1, BLOCK // bytes_each)))
        values: dict[str, Any] = {"attributions": block}
        for step in steps:
            inputs = [_look_up(values, name) for name in step.inputs]
            values[step.name] = _recorded(step.stage(*inputs), step)
        blocks.append(values[steps[-1].name])
    return blocks[0] if len(blocks) == 1 else xr.concat(blocks, "sample", join="exact", combine_attrs="override")


def _look_up(values: Mapping[str, Any], name: str) -> Any:
    source, _, variable = name.partition(".")
    if variable and variable not in values[source]:
        raise ValueError(f"{source} has no variable {variable!r}, it has {', '.join(map(str, values[source]))}")
    # loaded once here: data on disk would be read again at every use
    return values[source][variable].load() if variable else values[source]


def _recorded(value: Any, step: Step) -> Any:
    """The value of a step; its variables say how they came about, and a map is named like its step."""
    facts = {"stage": stage_name(step.stage), "base": ", ".join(step.inputs), "parameters": _bound(step.stage)}
    if isinstance(value, xr.DataArray):
        return value.rename(step.name).assign_attrs(facts)
    if isinstance(value, xr.Dataset):
        return value.assign({name: array.assign_attrs(facts) for name, array in value.data_vars.items()})
    return value


def _bound(stage: Stage) -> str:
    """All parameters of a stage with their defaults, as JSON."""
    found = {p.name: p.default for p in inspect.signature(stage).parameters.values() if p.default is not p.empty}
    return json.dumps(found, default=_short)


def _short(value: Any) -> str:
    return getattr(value, "__qualname__", None) or repr(value)


def assemble(values: Iterable[Any]) -> xr.Dataset:
    """One dataset of embeddings, clusterings one above the other, and the scalars as attributes."""
    parts = [value.to_dataset() if isinstance(value, xr.DataArray) else value for value in values]
    scalars = {k: v.item() for part in parts for k, v in part.data_vars.items() if not v.dims}
    parts = [part.drop_vars([k for k, v in part.data_vars.items() if not v.dims]) for part in parts]
    clustered = [part for part in parts if "clustering" in part.dims]
    merged = xr.merge([part for part in parts if "clustering" not in part.dims], join="exact", combine_attrs="override")
    if clustered:
        merged = merged.merge(_stacked(clustered), join="exact", combine_attrs="override")
    return merged.drop_attrs(deep=False).assign_attrs(scalars)


def _stacked(clustered: list[xr.Dataset]) -> xr.Dataset:
    """All clusterings along `clustering`; what each is based on becomes a coordinate."""
    bases = [np.full(part.sizes["clustering"], part.cluster.attrs.get("base", ""), dtype=object) for part in clustered]
    with_base = [part.assign_coords(base=("clustering", base)) for part, base in zip(clustered, bases, strict=True)]
    stacked = xr.concat(with_base, "clustering", data_vars="all", coords="all", join="exact", combine_attrs="drop")
    return stacked.assign(cluster=stacked.cluster.drop_attrs())
