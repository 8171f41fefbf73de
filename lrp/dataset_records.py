"""Samples in, a labelled dataset of their explanations out: what becomes one file of a project."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from lrp.dataset_samples import Record, Sample, SampleError, read, same_shape
from lrp.explain import seed_of

DIMS = {1: ("feature",), 2: ("channel", "length"), 3: ("channel", "height", "width")}

Explain = Callable[[Tensor, Any], tuple[Tensor, Tensor]]
"""`explain(x, target) -> (output, relevance)`: an `Explainer`, or any function of that shape."""


@dataclass(frozen=True)
class Recorder:
    """How samples are explained, and what is kept of it."""

    explain: Explain
    target: Any
    device: torch.device
    image: Callable[[Tensor], Tensor] | None = None
    dims: Sequence[str] | None = None
    label_names: Sequence[str] = ()
    skip: bool = False
    """Leave samples out that cannot be read or explained, instead of raising."""

    def shard(self, batches: Iterable[list[Sample]], advance: Callable[[int], Any]) -> xr.Dataset:
        """Explain the batches of a shard; `advance` hears of every batch done."""
        done, failures = [], Failures(self.skip)
        for batch in batches:
            if records := _readable(batch, failures):
                done.append(self._explained(records, failures))
            advance(len(batch))
        if not any(batch.sizes["sample"] for batch in done):
            raise SampleError(f"no sample of this shard could be explained; {next(iter(failures.found.values()))}")
        shard = xr.concat(done, "sample", join="exact", combine_attrs="override")
        if len(self.label_names) == shard.sizes["class"]:
            shard = shard.assign_coords(label_name=("class", np.asarray(self.label_names, dtype=object)))
        return shard.assign_attrs(failed=json.dumps(failures.found))

    def _explained(self, records: list[Record], failures: Failures) -> xr.Dataset:
        images = torch.stack([record.image for record in records]).to(self.device)
        with torch.no_grad():
            output, relevance, classes = self._attribute(images, records)
            shown = images if self.image is None else self.image(images)
        dims = ("sample", *self._dims(images))
        data: dict[str, Any] = {"image": (dims, _array(shown)), "relevance": (dims, _array(relevance))}
        data["output"] = (("sample", "class"), _array(output))
        numbers = {"target": _array(classes), "prediction": _array(output.argmax(1)), **_columns(records)}
        coords = {name: ("sample", values) for name, values in numbers.items()}
        explained = xr.Dataset(data, coords)
        return explained.isel(sample=_finite(explained, records, failures))

    def _attribute(self, images: Tensor, records: list[Record]) -> tuple[Tensor, Tensor, Tensor]:
        """Output, relevance and the class explained: -1 where the seed is of several."""
        target = self.target
        if isinstance(target, str):
            labels = torch.tensor([record.label for record in records], device=images.device)
            target = {"prediction": None, "label": labels}[target]
        try:
            output, relevance = self.explain(images, target)
            if output.ndim != 2:
                raise ValueError(f"the output has shape {tuple(output.shape)}, expected (batch, class)")
            seed = seed_of(output, target)
        except Exception as error:
            error.add_note(f"while explaining {records[0].sample} to {records[-1].sample}")
            raise
        return output, relevance, torch.where((seed != 0).sum(1) == 1, seed.abs().argmax(1), -1)

    def _dims(self, images: Tensor) -> Sequence[str]:
        rank = images.ndim - 1
        dims = self.dims or DIMS.get(rank) or [f"dim_{n}" for n in range(rank)]
        if len(dims) != rank:
            raise ValueError(f"dims {tuple(dims)} name {len(dims)} dimensions, the images have {rank}")
        return dims


@dataclass
class Failures:
    """Samples that cannot be read or explained: raised, or kept by id."""

    skip: bool
    found: dict[int, str] = field(default_factory=dict)

    def __call__(self, sample: Sample, error: SampleError) -> None:
        if not self.skip:
            raise error
        self.found[sample.id] = str(error)


def _readable(batch: list[Sample], failures: Failures) -> list[Record]:
    records: list[Record] = []
    for sample in batch:
        try:
            record = read(sample)
            same_shape(record, records[0] if records else record)
        except SampleError as error:
            failures(sample, error)
        else:
            records.append(record)
    return records


def _finite(explained: xr.Dataset, records: list[Record], failures: Failures) -> np.ndarray:
    """Which samples have a finite output and relevance."""
    good = np.ones(len(records), bool)
    for name in ("output", "relevance"):
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


def _array(tensor: Tensor) -> np.ndarray:
    """As stored: single precision at most."""
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.is_floating_point() else tensor).numpy()
