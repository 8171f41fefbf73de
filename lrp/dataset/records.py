"""Samples in, a labelled dataset of their explanations out: what becomes one file of a project."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from lrp.attribution.methods import Explain
from lrp.dataset.batches import Maps, attribute
from lrp.dataset.kept import Kept, array, suffixes
from lrp.dataset.normalize import Normalization, bounds, warn_outside
from lrp.dataset.samples import Record, Sample, SampleError, read, same_shape


@dataclass(frozen=True)
class Recorder:
    """How samples are explained, and what is kept of it."""

    methods: Mapping[str, Explain]
    target: Any
    top: int | None
    device: torch.device
    kept: Kept
    normalize: Normalization | None = None
    concepts: Sequence[str] = ()
    label_names: Sequence[str] = ()
    skip: bool = False
    """Leave samples out that cannot be read or explained, instead of raising."""

    def shard(self, batches: Iterable[list[Sample]], advance: Callable[[int], Any]) -> xr.Dataset:
        """Explain the batches of a shard; `advance` hears of every batch done."""
        done, failures = [], Failures(self.skip)
        for batch in batches:
            if records := self._readable(batch, failures):
                done.append(self._explained(records, failures))
            advance(len(batch))
        if not any(batch.sizes["sample"] for batch in done):
            raise SampleError(f"no sample of this shard could be explained; {next(iter(failures.found.values()))}")
        shard = xr.concat(done, "sample", join="exact", combine_attrs="override")
        if len(self.label_names) == shard.sizes["class"]:
            shard = shard.assign_coords(label_name=("class", np.asarray(self.label_names, dtype=object)))
        return shard.assign_attrs(failed=json.dumps(failures.found))

    def _readable(self, batch: list[Sample], failures: Failures) -> list[Record]:
        records: list[Record] = []
        for sample in batch:
            try:
                record = read(sample)
                same_shape(record, records[0] if records else record)
                if self.target == "label" and record.label < 0:
                    raise SampleError(f'{sample} has no label, and the target is "label"')
            except SampleError as error:
                failures(sample, error)
            else:
                records.append(record)
        return records

    def _explained(self, records: list[Record], failures: Failures) -> xr.Dataset:
        images = torch.stack([record.image for record in records]).to(self.device)
        with torch.no_grad():
            maps = self._attribute(images if self.normalize is None else self.normalize(images), records)
        data = self.kept.variables(self._shown(images), maps)
        numbers = {"target": array(maps.target), "prediction": array(maps.output.argmax(1)), **_columns(records)}
        explained = xr.Dataset(data, {name: ("sample", values) for name, values in numbers.items()})
        for suffix, method in suffixes(self.methods).items():
            explained[f"relevance{suffix}"].attrs["method"] = method
        return explained.isel(sample=_finite(explained, records, failures))

    def _shown(self, images: Tensor) -> Tensor:
        if self.kept.image is not None:
            return self.kept.image(images)
        return images if self.normalize is None else (images * 255).round().clamp(0, 255).byte()

    def _attribute(self, x: Tensor, records: list[Record]) -> Maps:
        target, names = self.target, f"{records[0].sample} to {records[-1].sample}"
        if isinstance(target, str):
            labels = torch.tensor([record.label for record in records], device=x.device)
            target = {"prediction": None, "label": labels}[target]
        warn_outside(x, [box for box in map(bounds, self.methods.values()) if box is not None], names)
        try:
            return attribute(self.methods, x, target, self.top, self.concepts)
        except Exception as error:
            error.add_note(f"while explaining {names}")
            raise


@dataclass
class Failures:
    """Samples that cannot be read or explained: raised, or kept by id."""

    skip: bool
    found: dict[int, str] = field(default_factory=dict)

    def __call__(self, sample: Sample, error: SampleError) -> None:
        if not self.skip:
            raise error
        self.found[sample.id] = str(error)


def _finite(explained: xr.Dataset, records: list[Record], failures: Failures) -> np.ndarray:
    """Which samples have a finite output, and finite relevance of every kind."""
    good = np.ones(len(records), bool)
    for name in ["output", *(str(n) for n in explained.data_vars if str(n).startswith(("relevance", "concept_")))]:
        finite = np.isfinite(explained[name].values).reshape(len(records), -1).all(1)
        for row in np.flatnonzero(good & ~finite):
            sample = records[row].sample
            failures(sample, SampleError(f"{sample}: its {name} is not finite"))
        good &= finite
    return good


def _columns(records: list[Record]) -> dict[str, np.ndarray]:
    """Per-sample numbers and texts."""
    names = records[0].extra.keys()
    for record in records:
        if record.extra.keys() != names:
            raise SampleError(f"{record.sample} has the extra variables {list(record.extra)}, others {list(names)}")
    columns = {name: np.asarray([record.extra[name] for record in records]) for name in names}
    columns = {name: v.astype(object) if v.dtype.kind == "U" else v for name, v in columns.items()}
    ids = np.asarray([record.sample.id for record in records], dtype=np.int64)
    return {"sample": ids, "label": np.asarray([record.label for record in records], dtype=np.int64), **columns}
