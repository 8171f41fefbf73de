"""Samples in, a labelled dataset of their explanations out: what becomes one file of a project."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from lrp._torch import pytree
from lrp.attribution.methods import Explain, Method
from lrp.dataset.batches import Maps, attribute
from lrp.dataset.beside import coordinates
from lrp.dataset.kept import Kept, Labelled, array, suffixes
from lrp.dataset.layers.hidden import PEAK, PLACES_OF, STATISTICS, Layer
from lrp.dataset.reading.normalize import TOLERANCE, Normalization, bounds, warn_outside
from lrp.dataset.reading.samples import Record, Sample, SampleError, read, same_columns, same_shape, single, stacked
from lrp.dataset.targets import Targets, all_of, ranked
from lrp.explain.axes import axes_of_input
from lrp.explain.one_call import Explainer
from lrp.graph import Graph
from spray.kinds import kind_of, places_of

RELEVANCE = re.compile("^relevance|^concept_|^hidden_|^input_.*_relevance")


@dataclass(frozen=True)
class Recorder:
    """How samples are explained, and what is kept of it."""

    methods: Mapping[str, Explain]
    target: Targets
    device: torch.device
    kept: Kept
    normalize: Normalization | None = None
    concepts: Sequence[str] | Mapping[str, int] = ()
    label_names: Sequence[str] = ()
    axes: Sequence[str] | None = None
    """Names of the samples' axes, where the data say them."""
    kind: str | None = None
    """Of the samples, where the data say it."""
    beside: Mapping[str, Any] = field(default_factory=dict)
    """What the data say beside all samples, see `lrp.dataset.beside`."""
    most_labels: int | None = None
    """That a sample has, where the data say it."""
    layers: tuple[Layer, ...] = ()
    """Whose statistics are kept."""
    skip: bool = False
    """Leave samples out that cannot be read or explained, instead of raising."""

    def shard(self, batches: Iterable[list[Sample]], advance: Callable[[int], Any]) -> xr.Dataset:
        """Explain the batches of a shard; `advance` hears of every batch done.

        A shard of which every sample was left out has ids of none, and nothing else but why.
        """
        done: list[xr.Dataset] = []
        failures = Failures(self.skip)
        first: list[Record] = []
        for batch in batches:
            if records := self._readable(batch, failures, first):
                done.append(self._explained(records, failures))
            advance(len(batch))
        failed = {"failed": json.dumps(failures.found)}
        if not any(batch.sizes["sample"] for batch in done):
            return xr.Dataset(coords={"sample": np.empty(0, np.int64)}, attrs=failed)
        shard = xr.concat(done, "sample", join="exact", combine_attrs="override")
        classes = 2 if shard.output.ndim == 1 else shard.sizes.get("class")  # one logit has two
        if len(self.label_names) == classes:
            shard = shard.assign_coords(label_name=("class", np.asarray(self.label_names, dtype=object)))
        return coordinates(shard, self.beside).assign_attrs(failed)

    def _readable(self, batch: list[Sample], failures: Failures, first: list[Record]) -> list[Record]:
        """Those that can be, and are as the shard's first."""
        records: list[Record] = []
        for sample in batch:
            try:
                record = read(sample)
                same_shape(record, first[0] if first else record)
                same_columns(record, first[0] if first else record)
                if self.target.what == "label" and record.label == -1:
                    raise SampleError(f'{sample} has no label, and the target is "label"')
            except SampleError as error:
                failures(sample, error)
            else:
                records.append(record)
                first[:] = first or [record]
        return records

    def _explained(self, records: list[Record], failures: Failures) -> xr.Dataset:
        given = pytree.tree_map(lambda values: values.to(self.device), stacked(records))
        with torch.no_grad():
            maps = self._attribute(given if self.normalize is None else self._normalized(given), records)
        kept = replace(self.kept, kind=self.kept.kind or self.kind)
        data = kept.variables(given, maps, self.normalize is not None, self._axes) | _labels(records, maps.output)
        known = {"target": maps.target, "prediction": maps.prediction}
        numbers = {name: array(values) for name, values in known.items() if values is not None} | _columns(records)
        explained = xr.Dataset(data, {name: ("sample", values) for name, values in numbers.items()})
        for suffix, method in suffixes(self.methods).items():
            explained[f"relevance{suffix}"].attrs["method"] = method
        for layer in self.layers:
            for name, known in _of_layer(layer).items():
                if name in explained:
                    explained[name].attrs.update(layer=layer.name, depth=layer.depth, **known)
        for name in {"image", *(f"relevance{suffix}" for suffix in suffixes(self.methods))} & explained.keys():
            with suppress(ValueError):  # dims of one's own, which say of no kind that it is one
                explained[name].attrs["kind"] = kept.kind or kind_of(explained[name]).name
        explained = explained.assign(_of_places(explained, records))
        return explained.isel(sample=_finite(explained, records, failures, self.beside.get("feature_name", ())))

    def _several(self, labels: Sequence[int | frozenset[int]], device: torch.device) -> Tensor | None:
        """Each label of samples that have several, `(batch, rank)`."""
        several = [label for label in labels if isinstance(label, frozenset)]
        if not several:
            return None
        most = self.most_labels if self.most_labels is not None else len(self.label_names)
        if not most or max(map(len, several)) > most:
            raise ValueError(
                f"samples have up to {max(map(len, several))} labels, and at most {most or 0} are said: say "
                "how many by the dataset's attribute most_labels, or by the names of all classes, label_names="
            )
        return ranked(several, most).to(device)

    def _axes(self, at: int) -> Sequence[str] | None:
        """Names of an input's axes: those of the data, or of the operator that reads it."""
        if self.axes is not None:
            return self.axes
        for method in self.methods.values():
            while isinstance(method, Method):
                method = method.of
            if isinstance(method, Explainer | Graph):
                return axes_of_input(method if isinstance(method, Graph) else method.program.graph, at)
        return None

    def _normalized(self, given: Any) -> Tensor:
        if not isinstance(given, Tensor):
            raise ValueError("normalize is for one image a sample: normalize several inputs in the dataset")
        low, high = given.min().item(), given.max().item()
        if low < -TOLERANCE or high > 1 + TOLERANCE:
            raise ValueError(
                f"normalize is for images in [0, 1], these have values from {low:.3g} to {high:.3g}: give pixels, or "
                "leave normalize out and normalize in the dataset"
            )
        return self.normalize(given) if self.normalize else given

    def _attribute(self, x: Any, records: list[Record]) -> Maps:
        names = f"{records[0].sample} to {records[-1].sample}"
        positions, labels = [r.sample.position for r in records], [record.label for record in records]
        boxes = [box for box in map(bounds, self.methods.values()) if box is not None]
        for values in pytree.tree_leaves(x):
            if values.is_floating_point():
                warn_outside(values, [box for box in boxes if _fits(box[0], values)], names)
        try:
            for explain in self.methods.values():
                if isinstance(explain, Explainer):
                    single(x, explain.program.graph)
            target = self.target.of(positions, labels, self.device)
            classes = self._several(labels, pytree.tree_leaves(x)[0].device) if self.target.what == "label" else None
            return attribute(self.methods, x, target, self.target.top, self.concepts, classes, self.layers)
        except Exception as error:
            error.add_note(f"while explaining {names}")
            raise


def _of_layer(layer: Layer) -> dict[str, dict[str, str]]:
    """Variables that there may be of a layer, and what is said of each."""
    kept = {f"hidden_{name}_{layer.name}": {"statistic": name} for name in (*STATISTICS, *PEAK)}
    kept[f"concept_{layer.name}"] = {"statistic": "relevance"}
    seen = {"field": layer.field} if layer.field else {}
    return kept | {f"where_{name}_{layer.name}": {"place_of": name, **seen} for name in PLACES_OF}


def _fits(bound: Tensor, values: Tensor) -> bool:
    """Whether a box can be that of an input: one of several inputs may have other axes."""
    lead = bound.ndim - values.ndim
    sizes = zip(reversed(bound.shape), reversed(values.shape), strict=False)
    return lead <= 0 and all(size in (1, given) for size, given in sizes)


@dataclass
class Failures:
    """Samples that cannot be read or explained: raised, or kept by id."""

    skip: bool
    found: dict[int, str] = field(default_factory=dict)

    def __call__(self, sample: Sample, error: SampleError) -> None:
        if not self.skip:
            raise error
        self.found[sample.id] = str(error)


def _finite(explained: xr.Dataset, records: list[Record], failures: Failures, names: Sequence[str] = ()) -> np.ndarray:
    """Which samples have a finite output, and finite relevance of every kind."""
    good = np.ones(len(records), bool)
    for name in ["output", *(str(n) for n in explained.data_vars if RELEVANCE.search(str(n)))]:
        finite = np.isfinite(explained[name].values).reshape(len(records), -1).all(1)
        for row in np.flatnonzero(good & ~finite):
            sample = records[row].sample
            missing = _missing(explained.image.values[row], names) if "image" in explained else ""
            failures(sample, SampleError(f"{sample}: its {name} is not finite{missing}"))
        good &= finite
    return good


def _missing(values: np.ndarray, names: Sequence[str]) -> str:
    """Where the input itself is not finite: the columns of a table by their names, all else by their numbers."""
    places = np.argwhere(~np.isfinite(values)) if values.dtype.kind == "f" else np.empty((0, 1), int)
    if not len(places):
        return ""
    named = values.ndim == 1 and len(names) == len(values)
    found = [str(names[at[0]]) if named else ", ".join(map(str, at)) for at in places[:3]]
    return f", nor is its input at {'; '.join(found)}{'; ...' if len(places) > 3 else ''}: fill in what is missing"


def _columns(records: list[Record]) -> dict[str, np.ndarray]:
    """Per-sample numbers and texts."""
    names = records[0].extra.keys()
    columns = {name: np.asarray([record.extra[name] for record in records]) for name in names}
    columns = {name: v.astype(object) if v.dtype.kind == "U" else v for name, v in columns.items()}
    ids = np.asarray([record.sample.id for record in records], dtype=np.int64)
    return {"sample": ids, "label": np.asarray([_one(record.label) for record in records], dtype=np.int64), **columns}


def _one(label: int | frozenset[int]) -> int:
    """The label, -1 for none or several."""
    return label if isinstance(label, int) else next(iter(label)) if len(label) == 1 else -1


def _labels(records: list[Record], output: Tensor) -> dict[str, Labelled]:
    """Where samples may have several, 1 for each class that they have."""
    several = [record.label for record in records if isinstance(record.label, frozenset)]
    return {"labels": (("sample", "class"), array(all_of(several)(output)).astype(np.uint8))} if several else {}


def _of_places(explained: xr.Dataset, records: list[Record]) -> dict[str, Labelled]:
    """What each sample has for itself, along the places of its kind."""
    found = {name: [record.places[name] for record in records] for name in records[0].places}
    if not found:
        return {}
    axes = places_of(explained.image)
    if len(axes) != 1:
        raise ValueError(f"{', '.join(found)} stand along the one axis of places of texts; these have {axes}")
    for name, values in found.items():
        for record, value in zip(records, values, strict=True):
            if len(value) != explained.sizes[axes[0]]:
                raise ValueError(
                    f"{record.sample} has {len(value)} entries of {name}, its {axes[0]} are {explained.sizes[axes[0]]}"
                )
    return {name: (("sample", axes[0]), np.stack(values)) for name, values in found.items()}
