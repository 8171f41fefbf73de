"""What is kept of an explanation, and under which names: from tensors to labelled arrays."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from lrp._torch import pytree
from lrp.dataset.batches import Maps
from lrp.dataset.reading.samples import named_leaves
from lrp.explain.axes import IMAGE
from lrp.explain.target import class_count, is_logit
from spray.kinds import KINDS, Kind

DTYPES = ("float32", "float16")

Axes = Callable[[int], Sequence[str] | None]
Labelled = tuple[tuple[str, ...], np.ndarray]
"""Dims and values."""


@dataclass(frozen=True)
class Kept:
    """What is kept of each sample.

    image: What to store as the image, from the batch that the dataset gave. Default: the batch; bytes if normalized.
    dims: Names of the image's dimensions. Default: what the kind says, or the first operator that reads the input.
    kind: Of samples, one of `spray.kinds.KINDS`, where neither the operator nor `dims` says it.
    draw: Of several inputs that receive relevance, the name (of a tuple, the number) of the one that is drawn: it is
        stored as `image` and `relevance`, the others as `input_NAME` and `input_NAME_relevance`.
    dtype: Of relevance, "float32" or "float16".
    sum_channels: Relevance is summed over channels.
    pool: Relevance is summed over `pool` x `pool` places, which must divide the image's size. The image's own places
        are then called `image_height`, `image_width`.
    """

    image: Callable[[Tensor], Tensor] | None = None
    dims: Sequence[str] | None = None
    kind: str | None = None
    dtype: str = "float32"
    sum_channels: bool = False
    pool: int = 1
    draw: str | int | None = None

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES or self.pool < 1:
            raise ValueError(f"dtype one of {', '.join(DTYPES)} and pool >= 1, got {self.dtype!r} and {self.pool}")
        if self.kind is not None and self.kind not in KINDS:
            raise ValueError(f"kind one of {', '.join(KINDS)}, got {self.kind!r}")

    def __str__(self) -> str:
        image = getattr(self.image, "__qualname__", type(self.image).__qualname__) if self.image is not None else None
        return (
            f"image={image}, dims={None if self.dims is None else list(self.dims)}, kind={self.kind}, "
            f"dtype={self.dtype}, sum_channels={self.sum_channels}, pool={self.pool}"
            + (f", draw={self.draw}" if self.draw is not None else "")  # else projects of before would be others
        )

    def variables(
        self, given: Any, maps: Maps, are_pixels: bool = False, axes: Axes = lambda _: None
    ) -> dict[str, Labelled]:
        """All that has more than one number a sample; `given` as the dataset gave the batch, pixels in [0, 1] or not.

        `axes` tells the names of an input's axes, by its number, where something says them.

        Of several inputs the one that is drawn is the image, the others are `input_NAME`.

        Raises:
            ValueError: Several receive relevance, and `draw` does not say which is drawn.
        """
        names, inputs = named_leaves(given)
        main = _main(names, maps.relevance, self.draw)
        found = self._image_and_relevance(given, inputs[main], maps, main, are_pixels, axes)
        for at in set(range(len(names))) - {main}:
            found |= self._further(names[at], inputs[at], maps, at)
        found["output"] = (("sample", *_output_dims(maps.output)), array(_plain(maps.output)))
        if maps.classes is not None:
            found["explained"] = (("sample", "rank"), array(maps.classes))
        if maps.place is not None:
            found["place"] = (("sample", "output_axis"), array(maps.place))
        for layer, channels in maps.concepts.items():
            found[f"concept_{layer}"] = (("sample", f"channel_{layer}"), array(channels).astype(self.dtype))
        for name, channels in maps.statistics.items():
            layer, values = name.split("_", 2)[2], array(channels)
            found[name] = (
                ("sample", f"channel_{layer}"),
                values if values.dtype.kind == "i" else values.astype(self.dtype),
            )
        return found

    def _image_and_relevance(
        self, given: Any, image: Tensor, maps: Maps, main: int, are_pixels: bool, axes: Axes
    ) -> dict[str, Labelled]:
        if self.image is not None:
            image = self.image(given)
        elif are_pixels:
            image = (image * 255).round().clamp(0, 255).byte()
        names = self._names(image, IMAGE if are_pixels else axes(main))
        own = [name if name == "channel" or self.pool == 1 else f"image_{name}" for name in names]
        found: dict[str, Labelled] = {"image": (("sample", *own), array(image))}
        for suffix, method in suffixes(maps.relevance).items():
            relevance = _leaf(maps.relevance[method], main)
            if relevance is None:
                raise ValueError(f"{method} gives no relevance to the input that {next(iter(maps.relevance))} explains")
            found[f"relevance{suffix}"] = self._relevance(relevance, ("sample",), names, image)
            if method in maps.each:
                each = _leaf(maps.each[method], main)
                found[f"relevance_each{suffix}"] = self._relevance(each, ("sample", _rank(maps)), names, image)
        return found

    def _further(self, name: str, values: Tensor, maps: Maps, at: int) -> dict[str, Labelled]:
        """One of several inputs, and what it receives, if it receives relevance."""
        dims = [f"{name}_{axis}" for axis in range(1, values.ndim)]
        found: dict[str, Labelled] = {f"input_{name}": (("sample", *dims), array(values))}
        for suffix, method in suffixes(maps.relevance).items():
            if (relevance := _leaf(maps.relevance[method], at)) is not None:
                found[f"input_{name}_relevance{suffix}"] = (("sample", *dims), array(relevance).astype(self.dtype))
            if (each := _leaf(maps.each.get(method), at)) is not None:
                key = f"input_{name}_relevance_each{suffix}"
                found[key] = (("sample", _rank(maps), *dims), array(each).astype(self.dtype))
        return found

    def _names(self, images: Tensor, said: Sequence[str] | None) -> tuple[str, ...]:
        rank = images.ndim - 1
        kind = None if self.kind is None else KINDS[self.kind]
        own = None if kind is None else next((n for n in _namings(kind, rank) if len(n) == rank), None)
        fits = kind is not None and said is not None and len(said) == rank and kind.fits(tuple(said))
        names = self.dims or (said if kind is None or fits else None) or own
        if names is None and kind is not None:
            raise ValueError(f"samples of shape {tuple(images.shape[1:])} are none of kind {kind}: say dims=")
        if names is None:
            names = _unsaid(images)
        if len(names) != rank:
            raise ValueError(f"dims {tuple(names)} name {len(names)} dimensions, the images have {rank}")
        return tuple(names)

    def _relevance(self, relevance: Tensor, lead: tuple[str, ...], names: tuple[str, ...], images: Tensor) -> Labelled:
        """`(*lead, channel, *places)`, without channels where they are summed, by us or by the method (Grad-CAM)."""
        at = len(lead)
        if "channel" in names and (self.sum_channels or relevance.shape[at] != images.shape[1]):
            axis = names.index("channel")
            relevance, names = relevance.sum(at + axis), names[:axis] + names[axis + 1 :]
        axes = [at + axis for axis, name in enumerate(names) if name != "channel"]
        values = array(_pooled(relevance, self.pool, axes) if self.pool > 1 else relevance)
        return (*lead, *names), values.astype(self.dtype)


class UnsaidKind(UserWarning):
    """Neither the data nor the model's first operator says what the axes of a sample are; the message says what they
    are called then, and what to write."""


def _unsaid(images: Tensor) -> tuple[str, ...]:
    """Names where nothing says them: one or three channels in front are taken for a picture's, with a word."""
    shape = tuple(images.shape[1:])
    picture = len(shape) == 3 and shape[0] in (1, 3)
    names = IMAGE if picture else ("feature",) if len(shape) == 1 else tuple(f"axis_{at}" for at in range(len(shape)))
    if len(shape) != 1:
        warnings.warn(
            f"neither the data nor the model's first operator says what the axes of samples of shape {shape} are: they "
            f"are taken for {', '.join(names)}. Say it by keep=lrp.Kept(kind=...), one of {', '.join(KINDS)}, or by "
            "dims=; by --kind in the shell",
            UnsaidKind,
            stacklevel=2,
        )
    return names


def _namings(kind: Kind, rank: int) -> list[tuple[str, ...]]:
    """Names of a kind's axes, with its channels and without; neutral ones where they say nothing."""
    if not kind.places:
        return [tuple(f"axis_{at}" for at in range(rank))]
    return [kind.places, (*kind.lead, *kind.places)]


def _main(names: Sequence[str], relevance: Mapping[str, Any], draw: str | int | None) -> int:
    """Which input is drawn: the one that is said, else the only one that receives relevance by the first method."""
    leaves = pytree.tree_leaves(next(iter(relevance.values())))
    receiving = [at for at, leaf in enumerate(leaves) if leaf is not None]
    listed = ", ".join(names) or "one of integers"
    if not receiving:
        raise ValueError(
            f"no input ({listed}) receives relevance: explain a model that takes embeddings, which are floating-point"
        )
    if draw is None:
        if len(receiving) > 1:
            several, first = ", ".join(names[at] for at in receiving), names[receiving[0]]
            raise ValueError(
                f"the inputs {several} receive relevance: say which is drawn, by keep=lrp.Kept(draw={first!r}), or by "
                f"--draw {first} in the shell; all are stored"
            )
        return receiving[0]
    if str(draw) not in names or names.index(str(draw)) not in receiving:
        raise ValueError(
            f"draw is {draw!r}: the inputs that receive relevance are {', '.join(names[at] for at in receiving)}"
        )
    return names.index(str(draw))


def _leaf(tree: Any, at: int) -> Any:
    return None if tree is None else pytree.tree_leaves(tree)[at]


def _rank(maps: Maps) -> str:
    return "class" if maps.classes is None else "rank"


def _output_dims(output: Tensor) -> list[str]:
    """One logit is a number of its sample; other axes than classes have neutral names."""
    if is_logit(output):
        return []
    return ["class"] if class_count(output) is not None else [f"output_{axis}" for axis in range(1, output.ndim)]


def _plain(output: Tensor) -> Tensor:
    return output.reshape(len(output)) if is_logit(output) else output


def suffixes(methods: Mapping[str, object]) -> dict[str, str]:
    """What follows "relevance" in a variable's name -> method: nothing for the first, `_NAME` for the others."""
    return {f"_{name}" if number else "": name for number, name in enumerate(methods)}


def array(tensor: Tensor) -> np.ndarray:
    """As stored: single precision at most."""
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.is_floating_point() else tensor).numpy()


def _pooled(values: Tensor, pool: int, axes: Sequence[int]) -> Tensor:
    """Sums over blocks of `pool` along each of `axes`."""
    for axis in axes:
        if values.shape[axis] % pool:
            raise ValueError(f"pool {pool} does not divide {values.shape[axis]}, a side of the image")
        values = values.unflatten(axis, (-1, pool)).sum(axis + 1)
    return values
