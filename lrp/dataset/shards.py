"""A dataset cut into shards: which samples a shard holds, how they are loaded, and who may work on it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Dataset, Subset

from lrp.dataset.reading.samples import Sample


@dataclass(frozen=True)
class Shard:
    """A run of samples that becomes one file."""

    number: int
    ids: np.ndarray
    load: Callable[[int, int], Iterable[list[Sample]]]
    """`load(batch_size, workers)` reads the samples, batch by batch."""

    @property
    def size(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Work:
    """All shards of a dataset, in order; `size` is its number of samples, None if only iterating will tell."""

    shards: Iterable[Shard]
    size: int | None
    ids: str
    """What the ids are: equal texts, equal ids."""
    first: Callable[[], Sample] | None = None
    """The first sample; None for a stream, of which it would be gone."""


def shards(dataset: Dataset | Mapping | Iterable, shard_size: int, ids: Sequence[int] | None = None) -> Work:
    """Cut a dataset into shards: by index if it has a length and can be indexed, else in the order of iteration.

    Raises:
        ValueError: The dataset is empty, or `ids` are not one distinct integer for each sample.
    """
    if isinstance(dataset, Mapping):
        keys = list(dataset)
        own = keys if all(isinstance(key, int) for key in keys) else None
        return _indexed(_Keyed(dataset, keys), shard_size, own if ids is None else ids)
    if hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__"):
        return _indexed(dataset, shard_size, ids)
    if not isinstance(dataset, Iterable):
        raise TypeError(f"a dataset is indexed or iterated, {type(dataset).__name__} is neither")
    if ids is not None:
        raise ValueError('an iterable dataset gives its ids itself: yield (image, label, {"sample": id})')
    return Work(_iterated(dataset, shard_size), None, "order of iteration")


def _indexed(dataset: Any, shard_size: int, ids: Sequence[int] | None) -> Work:
    size = len(dataset)
    if size == 0:
        raise ValueError("the dataset is empty: there is nothing to explain")
    known = _own_ids(dataset) if ids is None else _checked(ids, size)
    # the last two parts of a file's path: a folder that was moved is the same, one with other files is not
    origins = "\n".join("/".join(_origin(dataset, at).split("/")[-2:]) for at in range(size))
    digest = hashlib.sha256(known.tobytes() + origins.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    def cut(number: int) -> Shard:
        positions = range(number * shard_size, min((number + 1) * shard_size, size))

        def load(batch_size: int, workers: int) -> Iterable[list[Sample]]:
            chosen = Subset(_Guarded(dataset, known), positions)
            return DataLoader(chosen, batch_size, num_workers=workers, collate_fn=list)

        return Shard(number, known[positions.start : positions.stop], load)

    cuts = [cut(number) for number in range(-(-size // shard_size))]
    return Work(cuts, size, f"{size} samples, {digest}", lambda: _Guarded(dataset, known)[0])


def _own_ids(dataset: Any) -> np.ndarray:
    """Positions; those in the original for a subset."""
    if isinstance(dataset, Subset):
        return _own_ids(dataset.dataset)[np.asarray(dataset.indices, dtype=np.int64)]
    return np.arange(len(dataset), dtype=np.int64)


def _checked(ids: Sequence[int], size: int) -> np.ndarray:
    known = np.asarray(ids)
    if known.shape != (size,) or known.dtype.kind not in "iu" or len(np.unique(known)) != size:
        raise ValueError(f"ids must be {size} distinct integers, one for each sample; got {known.dtype} {known.shape}")
    return known.astype(np.int64)


class _Keyed(Dataset):
    """A mapping by position; the keys are where samples come from."""

    def __init__(self, mapping: Mapping, keys: list):
        self.mapping, self.samples = mapping, [(key,) for key in keys]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, position: int) -> Any:
        return self.mapping[self.samples[position][0]]


class _Guarded(Dataset):
    """Items of a dataset as samples; an error is a value here, so that it can be told which sample it was."""

    def __init__(self, dataset: Any, ids: np.ndarray):
        self.dataset, self.ids = dataset, ids

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, position: int) -> Sample:
        origin = _origin(self.dataset, position)
        try:
            return Sample(int(self.ids[position]), self.dataset[position], origin, position)
        except Exception as error:
            return Sample(int(self.ids[position]), error, origin, position)


def _origin(dataset: Any, position: int) -> str:
    """The file a sample comes from, as torchvision's folders tell it."""
    if isinstance(dataset, Subset):
        return _origin(dataset.dataset, dataset.indices[position])
    with suppress(AttributeError, LookupError, TypeError):
        return str(dataset.samples[position][0])
    return ""


def _iterated(dataset: Iterable, shard_size: int) -> Iterable[Shard]:
    """Shards of a stream; each must be read past, whether it is worked on or not."""
    stream = (Sample(_id(item, position), item, position=position) for position, item in enumerate(dataset))
    number = 0
    while block := list(islice(stream, shard_size)):
        ids = np.asarray([sample.id for sample in block], dtype=np.int64)
        yield Shard(number, ids, lambda size, _, block=block: _runs(block, size))
        number += 1


def _id(item: Any, position: int) -> int:
    extra = item[2] if isinstance(item, tuple | list) and len(item) == 3 else {}
    return int(extra.get("sample", position))


def _runs(block: list[Sample], size: int) -> Iterator[list[Sample]]:
    return (block[start : start + size] for start in range(0, len(block), size))
