"""Exact content digests: two values have the same digest only if they are the same, bit by bit.

Fast (xxHash, 128 bit) and strict: a value whose content cannot be told is refused, never guessed.
"""

import dataclasses
import enum
import functools
import os
import struct
import types
from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any

import numpy as np
import scipy.sparse as sp
import xarray as xr
import xxhash

from spray.memo.functions import LIBRARIES, code_contents, contents, is_importable, library_version, package

BLOCK = 1 << 26  # bytes read at once from data that are not in memory
Feed = Callable[[bytes | memoryview], None]


def digest(*values: Any) -> str:
    """32 hexadecimal digits that tell `values` apart from all others.

    Args:
        values: Numbers, text, arrays, xarray objects, sparse matrices, functions, dataclasses, collections of these.

    Returns:
        The digits.

    Raises:
        TypeError: The content of a value cannot be told.

    Example:
        >>> digest(1) == digest(1), digest(1) == digest(1.0), digest((1, 2)) == digest([1, 2])
        (True, False, False)
    """
    state = xxhash.xxh3_128()
    for value in values:
        _feed(value, state.update)
    return state.hexdigest()


def _feed(value: Any, feed: Feed) -> None:
    """Every value is a tag, its length, its content: no two sequences of values give the same bytes."""
    write = next((write for kind, write in KINDS if isinstance(value, kind)), None)
    if write is None and dataclasses.is_dataclass(value):
        write = _dataclass
    if write is None and is_importable(value):
        write = _named
    if write is not None:
        _tag(f"{type(value).__module__}.{type(value).__qualname__}", feed)
        return write(value, feed)
    raise TypeError(
        f"cannot tell the content of a {type(value).__module__}.{type(value).__qualname__} for the memo: "
        "pass numbers, text, arrays, xarray objects, sparse matrices, functions, dataclasses or collections of these"
    )


def _tag(text: str, feed: Feed) -> None:
    _bytes(text.encode("utf-8", "surrogatepass"), feed)


def _bytes(raw: bytes | memoryview, feed: Feed) -> None:
    feed(struct.pack("<q", len(raw)))
    feed(raw)


def _array(array: np.ndarray, feed: Feed) -> None:
    if array.dtype.kind in "OT":  # pointers: the bytes mean nothing
        _feed((str(array.dtype), array.shape, array.ravel().tolist()), feed)
    elif array.dtype.hasobject:
        raise TypeError(f"cannot tell the content of an array of dtype {array.dtype}: use plain numbers or text")
    else:
        _feed((array.dtype.descr if array.dtype.names else array.dtype.str, array.shape), feed)
        feed(_raw(array) if array.size else b"")


def _variable(variable: xr.Variable, feed: Feed) -> None:
    """The same for data in memory and for data that are not: those are read in blocks and never held at once."""
    _feed((variable.dims, variable.attrs), feed)
    if variable._in_memory or variable.ndim == 0 or variable.size == 0 or variable.dtype.kind in "OTV":
        return _array(np.asarray(variable.values), feed)
    _feed((variable.dtype.str, variable.shape), feed)
    for block in _blocks(variable):
        feed(_raw(block))
    return None


def _raw(array: np.ndarray) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _blocks(variable: xr.Variable) -> Iterator[np.ndarray]:
    first = variable.dims[0]
    step = max(1, BLOCK * variable.shape[0] // max(variable.nbytes, 1))
    return (variable.isel({first: slice(i, i + step)}).values for i in range(0, variable.shape[0], step))


def _dataset(dataset: xr.Dataset, feed: Feed) -> None:
    _feed((dataset.attrs, sorted(map(str, dataset.coords)), list(dataset.variables.keys())), feed)
    _feed(sorted(map(str, dataset.xindexes)), feed)
    for variable in dataset.variables.values():
        _variable(variable, feed)


def _data_array(array: xr.DataArray, feed: Feed) -> None:
    _feed((array.name, sorted(map(str, array.xindexes))), feed)
    _variable(array.variable, feed)
    for name, coordinate in sorted(array.coords.items(), key=lambda item: str(item[0])):
        _feed(name, feed)
        _variable(coordinate.variable, feed)


def _sparse(matrix: Any, feed: Feed) -> None:
    coo = sp.coo_array(matrix)  # of any format; explicit zeros and the order of entries are content too
    _feed((matrix.format, matrix.shape, coo.row, coo.col, coo.data), feed)


def _mapping(mapping: Mapping, feed: Feed) -> None:
    _feed(sorted((digest(key), digest(value)) for key, value in mapping.items()), feed)


def _sequence(sequence: Any, feed: Feed) -> None:
    feed(struct.pack("<q", len(sequence)))
    for value in sequence:
        _feed(value, feed)


def _dataclass(value: Any, feed: Feed) -> None:
    _feed({field.name: getattr(value, field.name) for field in dataclasses.fields(value)}, feed)


def _partial(value: functools.partial, feed: Feed) -> None:
    _feed((value.func, value.args, value.keywords), feed)


def _function(function: types.FunctionType, feed: Feed) -> None:
    _named(function, feed)
    if package(function) not in LIBRARIES:
        for content in contents(function):
            _feed(content, feed)


def _named(value: Any, feed: Feed) -> None:
    """What is compiled or in a library: its name and the version of the package it is in."""
    _feed((value.__module__, getattr(value, "__qualname__", value.__name__), library_version(package(value))), feed)


def _class(value: type, feed: Feed) -> None:
    _named(value, feed)
    if package(value) not in LIBRARIES:
        _feed([member for _, member in sorted(vars(value).items()) if isinstance(member, types.FunctionType)], feed)


KINDS: list[tuple[Any, Callable[[Any, Feed], None]]] = [
    (type(None), lambda _, feed: feed(b"")),
    (type(Ellipsis), lambda _, feed: feed(b"")),
    (types.CodeType, lambda value, feed: _sequence(code_contents(value), feed)),
    (enum.Enum, lambda value, feed: _tag(value.name, feed)),
    (int, lambda value, feed: _tag(str(int(value)), feed)),  # bool too; the type is in the tag
    (float, lambda value, feed: feed(struct.pack("<d", value))),
    (complex, lambda value, feed: feed(struct.pack("<dd", value.real, value.imag))),
    (str, _tag),
    (bytes | bytearray | memoryview, lambda value, feed: _bytes(bytes(value), feed)),
    (np.generic, lambda value, feed: _array(np.asarray(value), feed)),
    (np.dtype, lambda value, feed: _tag(str(value.descr if value.names else value.str), feed)),
    (np.ndarray, _array),
    (xr.Dataset, _dataset),
    (xr.DataArray, _data_array),
    (xr.Variable, _variable),
    (sp.spmatrix | sp.sparray, _sparse),
    (slice, lambda value, feed: _feed((value.start, value.stop, value.step), feed)),
    (range, lambda value, feed: _feed((value.start, value.stop, value.step), feed)),
    (os.PathLike, lambda value, feed: _feed(os.fspath(value), feed)),
    (tuple | list, _sequence),
    (Mapping, _mapping),
    (Set, lambda value, feed: _feed(sorted(map(digest, value)), feed)),
    (functools.partial, _partial),
    (types.FunctionType, _function),
    (types.MethodType, lambda value, feed: _feed((value.__func__, value.__self__), feed)),
    (np.ufunc, lambda value, feed: _feed((value.__name__, np.__version__), feed)),
    (type, _class),
]
