"""Values as netCDF files, bit by bit and without pickle: arrays as variables, everything else as JSON.

Encoding a value gives plain text that mentions arrays by number; decoding is its inverse. A digest of both is in the
file, keyed with this user's key, so a file that was cut, changed or made by somebody else is found out.
"""

import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import scipy.sparse as sp
import xarray as xr

from spray.files import replacing, uninterrupted
from spray.memo.key import seal
from spray.store import guard
from spray.store.netcdf import LOCK

FORMAT, HEADER = 2, "header"
STORABLE = frozenset(np.dtype(kind).str for kind in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8"))
Arrays = list[np.ndarray]


class Damaged(ValueError):
    """A file that is not a complete, unchanged entry."""


def encode(value: Any, arrays: Arrays) -> Any:
    """JSON for `value`; arrays are appended to `arrays` and mentioned by position.

    Raises:
        TypeError: It is of a type that no codec knows.
    """
    if value is None or type(value) in (bool, str, int):
        return value
    for kind, (matches, write, _) in CODECS.items():
        if matches(value):
            return {kind: write(value, arrays)}
    raise TypeError(
        f"a stage returned a {type(value).__module__}.{type(value).__name__}, which the memo cannot store: return "
        "numbers, text, arrays, sparse matrices, xarray objects, or tuples, lists and dicts of these"
    )


def decode(text: Any, arrays: Arrays) -> Any:
    """The value that `encode` made `text` and `arrays` of."""
    if not isinstance(text, dict):
        return text
    ((kind, content),) = text.items()
    return CODECS[kind][2](content, arrays)


def _items(values: Any, arrays: Arrays) -> list:
    return [encode(value, arrays) for value in values]


def _values(texts: list, arrays: Arrays) -> list:
    return [decode(text, arrays) for text in texts]


def _write_array(array: np.ndarray, arrays: Arrays) -> list:
    """Types netCDF does not have are stored as the integers of the same bytes."""
    if array.dtype.kind in "OT":
        return [str(array.dtype), list(array.shape), _items(array.ravel().tolist(), arrays)]
    raw = np.ascontiguousarray(array)
    if array.dtype.str not in STORABLE:
        raw = np.frombuffer(raw.tobytes(), np.uint8)
    arrays.append(raw.reshape(-1))
    return [array.dtype.str, list(array.shape), len(arrays) - 1]


def _read_array(content: list, arrays: Arrays) -> np.ndarray:
    dtype, shape, where = content
    if isinstance(where, list):
        array = np.empty(len(where), np.dtype(dtype) if dtype == "object" else object)
        array[:] = _values(where, arrays)
        return array.reshape(shape)
    return np.frombuffer(arrays[where].tobytes(), np.dtype(dtype)).reshape(shape).copy()


def _write_variable(variable: xr.Variable, arrays: Arrays) -> list:
    return [encode(tuple(variable.dims), arrays), encode(variable.values, arrays), encode(dict(variable.attrs), arrays)]


def _read_variable(content: list, arrays: Arrays) -> xr.Variable:
    return xr.Variable(*_values(content, arrays))


def _write_dataset(dataset: xr.Dataset, arrays: Arrays) -> list:
    variables = [[encode(name, arrays), _write_variable(v, arrays)] for name, v in dataset.variables.items()]
    indexed = list(dataset.xindexes)
    if any(dataset.xindexes[name].to_pandas_index().nlevels > 1 for name in indexed):
        raise TypeError("a stage returned data with a multi-index, which netCDF does not have: reset_index it")
    return [variables, _items(dataset.coords, arrays), _items(indexed, arrays), encode(dict(dataset.attrs), arrays)]


def _read_dataset(content: list, arrays: Arrays) -> xr.Dataset:
    variables, coords, indexed, attrs = content
    read = {decode(name, arrays): _read_variable(variable, arrays) for name, variable in variables}
    names = _values(coords, arrays)
    coordinates = xr.Coordinates({name: read[name] for name in names}, indexes={})
    dataset = xr.Dataset({n: v for n, v in read.items() if n not in names}, coordinates, decode(attrs, arrays))
    for name in _values(indexed, arrays):
        dataset = dataset.set_xindex(name)
    return dataset


def _write_data_array(array: xr.DataArray, arrays: Arrays) -> list:
    name = array.name
    return [encode(name, arrays), _write_dataset(array.rename(None).to_dataset(name="\0"), arrays)]


def _read_data_array(content: list, arrays: Arrays) -> xr.DataArray:
    name, dataset = content
    return _read_dataset(dataset, arrays)["\0"].rename(decode(name, arrays))


def _write_sparse(matrix: Any, arrays: Arrays) -> list:
    fields = (matrix.coords if matrix.format == "coo" else (matrix.indices, matrix.indptr)) + (matrix.data,)
    return [type(matrix).__name__, list(matrix.shape), _items(fields, arrays)]


def _read_sparse(content: list, arrays: Arrays) -> Any:
    kind, shape, fields = content
    *where, data = _values(fields, arrays)
    return getattr(sp, kind)((data, tuple(where)) if kind.startswith("coo") else (data, *where), shape=tuple(shape))


def _is_sparse(value: Any) -> bool:
    return isinstance(value, sp.spmatrix | sp.sparray) and getattr(value, "format", "") in ("coo", "csr", "csc", "bsr")


CODECS: dict[str, tuple[Callable[[Any], bool], Callable[[Any, Arrays], Any], Callable[[Any, Arrays], Any]]] = {
    "float": (lambda v: type(v) is float, lambda v, _: v.hex(), lambda t, _: float.fromhex(t)),
    "complex": (
        lambda v: type(v) is complex,
        lambda v, _: [v.real.hex(), v.imag.hex()],
        lambda t, _: complex(*map(float.fromhex, t)),
    ),
    "bytes": (lambda v: type(v) is bytes, lambda v, _: v.hex(), lambda t, _: bytes.fromhex(t)),
    "scalar": (
        lambda v: isinstance(v, np.generic),
        lambda v, arrays: _write_array(np.asarray(v), arrays),
        lambda t, arrays: _read_array(t, arrays)[()],
    ),
    "array": (lambda v: type(v) is np.ndarray and not v.dtype.names, _write_array, _read_array),
    "tuple": (lambda v: type(v) is tuple, _items, lambda t, arrays: tuple(_values(t, arrays))),
    "list": (lambda v: type(v) is list, _items, _values),
    "dict": (
        lambda v: type(v) is dict,
        lambda v, arrays: _items(v.items(), arrays),
        lambda t, arrays: dict(_values(t, arrays)),
    ),
    "variable": (lambda v: type(v) is xr.Variable, _write_variable, _read_variable),
    "data_array": (lambda v: isinstance(v, xr.DataArray), _write_data_array, _read_data_array),
    "dataset": (lambda v: isinstance(v, xr.Dataset), _write_dataset, _read_dataset),
    "sparse": (_is_sparse, _write_sparse, _read_sparse),
}


def write_entry(path: Path, value: Any, facts: dict[str, Any]) -> None:
    """Write `value` and `facts` (JSON) to `path`, which is complete or absent at every moment."""
    arrays: Arrays = []
    header = json.dumps({"format": FORMAT, "facts": facts, "value": encode(value, arrays)}).encode()
    with replacing(path) as temporary, LOCK, uninterrupted(), netCDF4.Dataset(temporary, "w") as file:
        file.setncattr("digest", _seal(header, arrays))
        for name, array in {
            HEADER: np.frombuffer(header, np.uint8),
            **{f"v{i}": a for i, a in enumerate(arrays)},
        }.items():
            file.createDimension(name, len(array))
            variable = file.createVariable(name, array.dtype.str, (name,), fill_value=False)
            variable.set_auto_maskandscale(False)
            variable[:] = array
    guard.trust(path)


def _seal(header: bytes, arrays: Arrays) -> str:
    return seal(header, (np.ascontiguousarray(array).reshape(-1).view(np.uint8).data for array in arrays))


def read_entry(path: Path) -> Any:
    """The value in `path`.

    Raises:
        Damaged: The file is anything but what `write_entry` wrote.
        FileNotFoundError: There is none.
    """
    try:
        guard.check(path)
        with LOCK, uninterrupted(), netCDF4.Dataset(path) as file:
            file.set_auto_maskandscale(False)
            header = np.asarray(file.variables[HEADER][:]).tobytes()
            arrays = [np.asarray(file.variables[f"v{i}"][:]) for i in range(len(file.variables) - 1)]
            told = file.getncattr("digest")
    except FileNotFoundError:
        raise
    except Exception as error:  # whatever the libraries make of it
        raise Damaged(f"{type(error).__name__}: {error}") from error
    if not isinstance(told, str) or not hmac.compare_digest(told.encode(), _seal(header, arrays).encode()):
        raise Damaged("content and digest differ, or somebody else computed it")
    return decode(json.loads(header)["value"], arrays)


def read_facts(path: Path) -> dict[str, Any]:
    """The facts in `path`, without reading any array.

    Raises:
        Damaged: It holds none.
        FileNotFoundError: There is no such file.
    """
    try:
        guard.check(path)
        with LOCK, uninterrupted(), netCDF4.Dataset(path) as file:
            file.set_auto_maskandscale(False)
            return json.loads(np.asarray(file.variables[HEADER][:]).tobytes())["facts"]
    except FileNotFoundError:
        raise
    except Exception as error:
        raise Damaged(f"{type(error).__name__}: {error}") from error
