"""Items of a dataset as samples: an id, an image, a label and whatever travels along; errors name the sample."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lrp._torch import pytree
from lrp.dataset.beside import NAMES, OF_PLACES
from lrp.graph.graph import Graph
from spray.colour import reading

OWN = re.compile(
    "label|label_name|prediction|target|part|row|image|explained|place|class|rank|channel|height|width|length|feature|"
    "output(_.*)?|relevance(_.*)?|concept_.*|hidden_.*|channel_.*|input_.*|image_(height|width)|dim_[0-9]+|labels|"
    + "|".join(NAMES - set(OF_PLACES))
)
"""Variables and dimensions of a project that are not a dataset's own; see `lrp.dataset.kept`."""


class SampleError(RuntimeError):
    """A sample cannot be read or explained; the message names it."""


class Sample(NamedTuple):
    """One item of a dataset, or the error that loading it raised."""

    id: int
    item: Any
    origin: str = ""
    position: int = -1
    """In the dataset."""

    def __str__(self) -> str:
        origin = self.origin.encode("utf-8", "backslashreplace").decode()  # a file's name may be any bytes
        return f"sample {self.id}" + (f" ({origin})" if origin else "")


@dataclass(frozen=True)
class Record:
    """A sample that was read: its label is -1 where there is none, `extra` holds numbers and texts. The input is one
    tensor, or a tuple or dict of them for a model of several inputs."""

    sample: Sample
    input: Any
    label: int | frozenset[int]
    """Of several, the set of them."""
    extra: Mapping[str, Any]
    places: Mapping[str, np.ndarray]
    """What it has for itself one each of its places: `lrp.dataset.beside.OF_PLACES`."""


def read(sample: Sample) -> Record:
    """A dataset's item as a record; items are an image, `(image, label)` or `(image, label, extra)`, with a tuple or
    dict in place of the image for a model of several inputs, and a set or truth values in place of a label for several.

    Raises:
        SampleError: It could not be loaded, or is none of these.
    """
    item = sample.item
    if isinstance(item, Exception):
        why = str(item).encode("utf-8", "backslashreplace").decode()
        raise SampleError(f"{sample} cannot be read: {type(item).__name__}: {why}") from item
    image, *rest = item if isinstance(item, tuple | list) else (item,)
    if len(rest) > 2:
        raise SampleError(
            f"{sample} has {1 + len(rest)} fields, expected image, label and extra variables at most; several inputs "
            "of a model come as one tuple or dict in the image's place: ((left, right), label)"
        )
    label = rest[0] if rest else -1
    extra = rest[1] if len(rest) == 2 else {}
    extra, places = _extra(sample, extra)
    return Record(sample, _input(sample, image), _label(sample, label), extra, places)


def _input(sample: Sample, given: Any) -> Any:
    """One tensor, or a tuple or dict of them."""
    if isinstance(given, Mapping):
        return {name: _input(sample, value) for name, value in given.items()}
    if isinstance(given, tuple | list):
        return tuple(_input(sample, value) for value in given)
    if isinstance(given, Image.Image):
        try:
            return pixels(given)
        except reading.UnknownPicture as error:
            raise SampleError(f"{sample} is {error}") from error
    if not isinstance(given, Tensor | np.ndarray | np.generic):
        found = type(given).__name__
        raise SampleError(f"{sample} has a {found} for an image, not a tensor; give the dataset a transform")
    return torch.as_tensor(given)


def _label(sample: Sample, label: Any) -> int | frozenset[int]:
    if isinstance(label, set | frozenset):
        return frozenset(_one_label(sample, one) for one in label)
    if isinstance(label, Tensor | np.ndarray) and label.ndim == 1 and str(label.dtype).endswith("bool"):
        return frozenset(np.flatnonzero(np.asarray(label)).tolist())
    return _one_label(sample, label)


def _one_label(sample: Sample, label: Any) -> int:
    number = np.asarray(-1 if label is None else label)
    if number.size != 1 or number.dtype.kind not in "iub":
        raise SampleError(
            f"{sample} has the label {_short(label)}: give one integer, or of several labels a set of integers or one "
            "truth value for each class; other facts as extra variables, and several inputs of a model as one tuple or "
            "dict: ((left, right), label)"
        )
    if not -(2**63) <= (whole := int(number.item())) < 2**63:
        raise SampleError(f"{sample} has the label {whole}, which has more than 64 bits")
    return whole


def _extra(sample: Sample, extra: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    if not isinstance(extra, Mapping):
        raise SampleError(f"{sample} has extra variables of type {type(extra).__name__}, expected a mapping of names")
    values = {str(name): np.asarray(value) for name, value in extra.items() if name != "sample"}
    places = {name: values.pop(name) for name in OF_PLACES if name in values}
    for name, value in places.items():
        if value.ndim != 1 or value.dtype.kind not in "iufbU":
            raise SampleError(f"{sample} has {name} of {value.dtype} {value.shape}, expected one each of its places")
        if fault := next(filter(None, map(_not_stored, value.tolist())), "") if value.dtype.kind == "U" else "":
            raise SampleError(f"{sample} has a {name} with {fault}, which netCDF cannot hold")
    for name, value in values.items():
        if value.size != 1 or value.dtype.kind not in "iufbU":
            raise SampleError(f"{sample} has {name!r} of {value.dtype} {value.shape}, expected one number or text")
        if value.dtype.kind == "U" and (fault := _not_stored(value.item())):
            raise SampleError(f"{sample} has {name!r} {value.item()!a}, a text with {fault}, which netCDF cannot hold")
    own_names(values)
    return {name: value.item() for name, value in values.items()}, places


def own_names(names: Iterable[str]) -> None:
    """Raise if extra variables would take the place of what the project records itself.

    Raises:
        ValueError: They would; of one sample as of all.

    Example:
        >>> own_names(["patient", "prediction"])
        Traceback (most recent call last):
        ValueError: the project itself has 'prediction': give your own variable another name, such as 'my_prediction'
    """
    for name in names:
        if OWN.fullmatch(name) or "/" in name or not name.isprintable() or name != name.strip() or not name:
            why = f"the project itself has {name!r}" if OWN.fullmatch(name) else f"netCDF cannot hold the name {name!a}"
            raise ValueError(f"{why}: give your own variable another name, such as 'my_{_plain(name)}'")


def _plain(name: str) -> str:
    return re.sub(r"\W", "", name)


def _not_stored(text: str) -> str:
    """What is in a text that would be lost, or end a whole shard, in netCDF."""
    if "\0" in text:
        return "the character NUL"
    return "half a surrogate pair" if re.search("[\ud800-\udfff]", text) else ""


def pixels(image: Image.Image) -> Tensor:
    """A picture as `(channel, height, width)` in [0, 1]; whatever is not gray becomes RGB.

    Raises:
        UnknownPicture: Its values have no one meaning as colours, see `spray.colour.reading`.
    """
    array = np.array(reading.colours(image))
    values = torch.from_numpy(array).reshape(*array.shape[:2], -1).permute(2, 0, 1).float()
    return values / 255 if array.dtype == np.uint8 else values


def same_shape(record: Record, other: Record) -> None:
    """Raise if two samples cannot be in one batch."""
    (names, here), (wanted, there) = named_leaves(record.input), named_leaves(other.input)
    if names != wanted:
        raise SampleError(
            f"{record.sample} has the inputs {', '.join(names) or 'one image'}, {other.sample} has "
            f"{', '.join(wanted) or 'one image'}: give all of them the same, in one order"
        )
    for value, like in zip(here, there, strict=True):
        if value.shape != like.shape:
            shapes = f"{tuple(value.shape)}, {other.sample} has {tuple(like.shape)}"
            raise SampleError(
                f"{record.sample} has shape {shapes}: resize or crop in the dataset's transform; of texts and sounds "
                "say length="
            )


def same_columns(record: Record, other: Record) -> None:
    """Raise if labels and extra variables of two samples cannot be columns of one table."""
    if isinstance(record.label, frozenset) != isinstance(other.label, frozenset):
        labels = [set(label) if isinstance(label, frozenset) else label for label in (record.label, other.label)]
        raise SampleError(
            f"{record.sample} has the label {labels[0]}, {other.sample} {labels[1]}: give all of them sets"
        )
    if record.places.keys() != other.places.keys():
        raise SampleError(f"{record.sample} has {list(record.places)} beside it, others {list(other.places)}")
    if record.extra.keys() != other.extra.keys():
        raise SampleError(f"{record.sample} has the extra variables {list(record.extra)}, others {list(other.extra)}")
    for name, value in record.extra.items():
        if isinstance(value, str) != isinstance(other.extra[name], str):
            raise SampleError(f"{record.sample} has {name!r} {value!r}, {other.sample} {other.extra[name]!r}")


def stacked(records: Sequence[Record]) -> Any:
    """The inputs of samples as a batch."""
    return pytree.tree_map(lambda *values: torch.stack(values), *(record.input for record in records))


def single(x: Any, graph: Graph) -> None:
    """Raise if the items were batches, which would become batches of batches."""
    for values, node in zip(pytree.tree_leaves(x), graph.inputs, strict=False):
        wanted = tuple(node.meta["val"].shape[1:])
        if values.ndim == len(wanted) + 2 and tuple(values.shape[2:]) == wanted:
            raise ValueError(
                f"an item has the shape {tuple(values.shape[1:])}, one input of the model {wanted}: items are single "
                "samples, without a batch axis; give a dataset of them"
            )


def named_leaves(given: Any) -> tuple[list[str], list[Tensor]]:
    """Names and tensors of an input: of a tuple by number, of a dict by key, one tensor without a name."""
    found = pytree.tree_flatten_with_path(given)[0]
    parts = ([str(getattr(key, "key", getattr(key, "idx", ""))) for key in path] for path, _ in found)
    return ["_".join(part) for part in parts], [leaf for _, leaf in found]


def _short(value: Any) -> str:
    return f"of shape {tuple(value.shape)}" if isinstance(value, Tensor | np.ndarray) and value.ndim else repr(value)
