"""Anybody's arrays as arrays whose axes have names, with a message for each thing that does not fit."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from spray.files import ProjectError
from spray.kinds import KINDS, Kind, kind_of


def labelled(
    name: str,
    given: Any,
    kind: str | None,
    dims: Sequence[str] | None,
    lengths: np.ndarray | None,
    names: Sequence[str] | None,
    *,
    finite: bool = True,
) -> xr.DataArray:
    """An array whose axes have names, and whose kind is certain; `lengths` are those of texts, `names` of columns.

    Raises:
        ProjectError: Nothing says the kind or the axes, or what says so does not fit the shape.
    """
    if lengths is not None and not hasattr(given, "shape"):
        given = _filled(name, given, lengths)
    values = numbers(name, given, finite, names)
    if lengths is not None and finite:
        _check_ends(name, values, lengths)
    if values.ndim < 2:
        raise ProjectError(
            f"{name} has the shape {values.shape}: give (sample, ...), at least one axis behind the samples"
        )
    if kind is not None and kind not in KINDS:
        raise ProjectError(f"kind is {kind!r}: give one of {', '.join(KINDS)}")
    if isinstance(given, xr.DataArray) and dims is None:
        axes = tuple(map(str, given.dims[1:]))
        if given.dims[0] != "sample":
            raise ProjectError(f"{name} has the dimensions {given.dims}: the first one must be 'sample'")
    elif dims is not None:
        axes = tuple(dims)
    else:
        chosen = kind or ("table" if names is not None or hasattr(given, "columns") else None)
        chosen = chosen or (None if lengths is None else "text")
        axes = _axes(name, values, KINDS[chosen] if chosen else None)
    if len(axes) != values.ndim - 1:
        raise ProjectError(f"{name} has {values.ndim - 1} axes behind the samples {values.shape}, dims name {axes}")
    found = xr.DataArray(values, dims=["sample", *axes], name=name, attrs={} if kind is None else {"kind": kind})
    try:
        return found.assign_attrs(kind=kind_of(found).name)
    except ValueError as error:
        raise ProjectError(str(error)) from error


def _axes(name: str, values: np.ndarray, kind: Kind | None) -> tuple[str, ...]:
    """The axes of a kind in its own order, for an array that says nothing."""
    if kind is None:
        raise ProjectError(
            f"{name} has the shape {values.shape}, which may be anything: say kind=, one of {', '.join(KINDS)}; "
            "or dims="
        )
    rank = values.ndim - 1
    if kind.name == "none":
        return tuple(f"axis_{at}" for at in range(rank))
    if rank == len(kind.places):
        return kind.places
    if rank != len(kind.places) + len(kind.lead):
        raise ProjectError(f"{name} has the shape {values.shape}, a sample of kind {kind} has other axes: say dims=")
    if kind.name == "image" and values.shape[1] > 4 >= values.shape[-1]:
        raise ProjectError(
            f"{name} has the shape {values.shape}, which looks like channels last: say dims=('height', 'width', "
            "'channel'), or transpose it to (sample, channel, height, width)"
        )
    return (*kind.lead, *kind.places)


def plain(given: Any) -> Any:
    """NumPy's, of what torch, pandas and xarray have."""
    if hasattr(given, "detach"):
        given = given.detach().cpu()
        given = given.float() if str(given.dtype) == "torch.bfloat16" else given
        return given.numpy()
    return given.to_numpy() if hasattr(given, "to_numpy") else given


def _ragged(given: Any) -> str:
    """Which sample is the first of another shape."""
    try:
        shapes = [np.shape(plain(one)) for one in given]
    except (TypeError, ValueError):
        return ""
    at = next((at for at, shape in enumerate(shapes) if shape != shapes[0]), 0)
    return f": sample {at} has the shape {shapes[at]}, sample 0 has {shapes[0]}" if at else ""


def numbers(name: str, given: Any, finite: bool, names: Sequence[str] | None = None) -> np.ndarray:
    """Real numbers, one entry a sample; `names` of columns are for the message.

    Raises:
        ProjectError: They are ragged, of another type, not finite, or none.
    """
    try:
        values = np.asarray(plain(given))
    except ValueError as error:
        raise ProjectError(f"{name} is ragged{_ragged(given)}: give equal shapes, or token= for texts") from error
    if values.dtype.kind not in "fiub":
        raise ProjectError(f"{name} holds {values.dtype}: give real numbers")
    if finite and values.dtype.kind == "f" and values.size:
        bad = np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(1)) if values.ndim else []
        if len(bad):
            some = ", ".join(map(str, bad[:5])) + (", ..." if len(bad) > 5 else "")
            raise ProjectError(
                f"{name} has numbers that are not finite in the samples at {some}{_columns_of(values, names)}: leave "
                "them out, or fill in what is missing before the model sees it"
            )
    if not len(values):
        raise ProjectError(f"{name} has no samples")
    return values.astype(np.float32) if values.dtype == np.float64 else values


def _columns_of(values: np.ndarray, names: Sequence[str] | None) -> str:
    """Which columns of a table hold what is not finite."""
    if values.ndim != 2 or names is None or len(names) != values.shape[1]:
        return ""
    at = np.flatnonzero(~np.isfinite(values).all(0))
    return f", columns {', '.join(str(names[column]) for column in at[:5])}" + (", ..." if len(at) > 5 else "")


def texts(token: Sequence[Sequence[str]] | None) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Tokens of each sample in a rectangle, "" behind the end; and where there is one.

    Raises:
        ProjectError: A sample is a text and no list of tokens, or no sample has a token.
    """
    if token is None:
        return None, None
    lengths = [len(tokens) for tokens in token]
    if any(isinstance(tokens, str) for tokens in token):
        raise ProjectError("token holds a text where a list of tokens is asked for: split it as the model does")
    longest = max(lengths, default=0)
    if not longest:
        raise ProjectError("token has no token in any sample")
    padded = [[*map(str, tokens), *[""] * (longest - len(tokens))] for tokens in token]
    mask = np.arange(longest) < np.array(lengths)[:, None]
    return np.array(padded, dtype=object), mask.astype(np.uint8)


def _filled(name: str, rows: Any, lengths: np.ndarray) -> np.ndarray:
    """Sequences of numbers in a rectangle, 0 behind the end of each."""
    if len(rows) != len(lengths):
        raise ProjectError(f"{name} has {len(rows)} samples, token has {len(lengths)}")
    found = np.zeros((len(rows), max(lengths)), np.float32)
    for at, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        values = np.asarray(plain(row))
        if values.shape != (length,):
            raise ProjectError(f"{name} of sample {at} has the shape {values.shape}, it has {length} tokens")
        found[at, :length] = values
    return found


def _check_ends(name: str, values: np.ndarray, lengths: np.ndarray) -> None:
    """Raise where numbers lie behind the last token of a text: the tokens are not those that were explained."""
    if values.shape != (len(lengths), max(lengths)):
        raise ProjectError(f"{name} has the shape {values.shape}, the tokens are {len(lengths)} x {max(lengths)}")
    wrong = np.flatnonzero(((np.arange(values.shape[1]) >= lengths[:, None]) & (values != 0)).any(1))
    if len(wrong):
        some = ", ".join(map(str, wrong[:5])) + (", ..." if len(wrong) > 5 else "")
        raise ProjectError(f"{name} has numbers behind the last token of the samples at {some}: tokens are missing")


def columns(*given: Any) -> Sequence[str] | None:
    """Names of the columns of a DataFrame."""
    return next((list(map(str, one.columns)) for one in given if hasattr(one, "columns")), None)


def named_axis(first: xr.DataArray, kind: Kind, key: str, axis: str, names: Any) -> tuple[str, np.ndarray]:
    """The array's own name of an axis, and what its places are called.

    Raises:
        ProjectError: The kind has no such axis, or there is another number of names.
    """
    own = next((str(dim) for dim in first.dims if kind.named(str(dim)) == axis), None)
    if own is None:
        raise ProjectError(f"{key} is for samples with the axis {axis}; these are {kind}")
    if len(names) != first.sizes[own]:
        raise ProjectError(f"{key} has {len(names)} names, the axis {own} has {first.sizes[own]}")
    return own, np.array(list(map(str, names)), dtype=str)


def fact(key: str, values: Any) -> xr.DataArray:
    """A number or a name for each sample.

    Raises:
        ProjectError: It is no such thing, or a category of fractions.
    """
    found = np.asarray(plain(values))
    if found.ndim != 1:
        raise ProjectError(f"{key} has the shape {found.shape}: give one number or name for each sample")
    if key in ("label", "prediction") and found.dtype.kind == "f":
        raise ProjectError(f"{key} holds {found.dtype}: give integers or names, since each is a category")
    if found.dtype.kind == "O":
        if not all(isinstance(value, str) for value in found):
            raise ProjectError(f"{key} holds objects of several types: give numbers or texts")
        found = found.astype(str)
    if found.dtype.kind not in "fiubU":
        raise ProjectError(f"{key} holds {found.dtype}: give numbers or texts")
    return xr.DataArray(found, dims=["sample"])
