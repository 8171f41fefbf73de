"""Reading and writing single netCDF files: atomic, thread-safe, errors that say what to do."""

import hashlib
import json
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import h5py
import netCDF4
import numpy as np
import xarray as xr

from spray.files import DamagedFile, ProjectError, Unreadable, check_seal, replacing, seal, uninterrupted, unreadable
from spray.store import guard

log = logging.getLogger(__name__)
T = TypeVar("T")

# The netCDF library is not thread-safe, not even for opening two different files.
LOCK = threading.RLock()
MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def write_netcdf(path: Path, dataset: xr.Dataset, *, large: str = "sample", root: Path | None = None) -> None:
    """Write `dataset` to `path`, which is complete or absent at every moment.

    Variables along the dimension `large` and at least one more are laid out so that one row is one read.

    Args:
        path: The file; its folder is made.
        dataset: Of types that netCDF has.
        large: The dimension along which a row is read at once.
        root: The project in which `path` lies, see `spray.files.replacing`.

    Raises:
        ProjectError: `path` or a folder between it and `root` is a link.

    Example:
        >>> import tempfile, xarray as xr
        >>> path = Path(tempfile.mkdtemp()) / "some.nc"
        >>> write_netcdf(path, xr.Dataset({"x": ("sample", [1, 2])}))
        >>> read_netcdf(path, load, remedy="write it again").x.values.tolist()
        [1, 2]
    """
    # not a mere view: float16 is widened below, and a caller's encoding of another file must not leak into this one
    stored = dataset.drop_encoding().copy()
    encoding = {str(name): _layout(variable, large) for name, variable in stored.variables.items()}
    for name, variable in stored.variables.items():
        if variable.dtype == np.float16:  # netCDF has no half precision; its 13 zero bits compress away
            stored[name] = variable.astype(np.float32)
    with replacing(path, root) as temporary:
        # an interrupt inside of these libraries would leave a lock of theirs taken for ever
        with LOCK, uninterrupted():
            stored.to_netcdf(temporary, engine="netcdf4", format="NETCDF4", encoding=encoding)
        seal(temporary)
    guard.trust(path)


def _layout(variable: xr.Variable, large: str) -> dict:
    """Rows contiguous, so that one is one read; compressed by row where that is cheap and pays (bytes, halves)."""
    if variable.dtype.kind == "f":
        encoding: dict = {"_FillValue": None}  # NaN is NaN; a fill value would make readers mask
    else:
        encoding = {}
    pays = variable.dtype in (np.uint8, np.float16) and variable.ndim > 1 and variable.dims[0] == large
    if pays and variable.size:
        encoding |= {"zlib": True, "complevel": 1, "shuffle": True, "chunksizes": (1, *variable.shape[1:])}
    return encoding


def read_netcdf(path: Path, use: Callable[[xr.Dataset], T], *, remedy: str) -> T:
    """`use(dataset)` of an open file, which is closed afterwards; `use` must load what it keeps.

    This is where whatever goes wrong with a file becomes an error of its project: the libraries raise anything.

    Args:
        path: The file.
        use: What to do with the open dataset.
        remedy: What the error tells people to do.

    Returns:
        What `use` returned.

    Raises:
        ProjectError: There is no file, or it is damaged, or claims what it does not have (see `guard`).
        Unreadable: It may be whole, but is locked, or we may not read it.

    Example:
        >>> read_netcdf(Path("none.nc"), load, remedy="write it first")
        Traceback (most recent call last):
        spray.files.links.ProjectError: no file none.nc: write it first
    """
    with _checked(path, remedy), xr.open_dataset(path, engine="netcdf4", cache=False) as dataset:
        return use(dataset)


def read_variable(path: Path, name: str, use: Callable[[Any], T], *, remedy: str) -> T:
    """`use(variable)` of one variable of a file, or `use(None)`.

    Numbers that are stored as they are come from HDF5 itself, and texts from the netCDF library: it looks at all
    variables of a file as it opens it, xarray reads all its texts too, and each takes more than ten times as long as
    what is asked for.

    Raises:
        ProjectError: As for `read_netcdf`.
    """
    with _checked(path, remedy):
        with h5py.File(path) as file:
            if _is_plain(found := file.get(name)):
                return use(found)
        with netCDF4.Dataset(path) as file:
            texts = [key for key, variable in file.variables.items() if variable.dtype is str]
            if name in texts:
                return use(file.variables[name])
        with xr.open_dataset(path, engine="netcdf4", cache=False, drop_variables=texts) as dataset:
            return use(dataset.variables.get(name))


CODED = frozenset("CLASS _FillValue _Unsigned add_offset dtype missing_value scale_factor units".split())
"""Attributes that make of stored numbers others, or axes (CLASS): xarray reads those."""


def _is_plain(found: Any) -> bool:
    return isinstance(found, h5py.Dataset) and found.dtype.kind in "iuf" and not CODED & set(found.attrs)


def read_attrs(path: Path, *, remedy: str) -> dict[str, Any]:
    """The attributes of a file alone, which is ten times as fast as opening it as a dataset.

    Raises:
        ProjectError: As for `read_netcdf`.
    """
    with _checked(path, remedy), netCDF4.Dataset(path) as file:
        return {name: file.getncattr(name) for name in file.ncattrs()}


@contextmanager
def _checked(path: Path, remedy: str) -> Iterator[None]:
    """The library's lock while a file is read that is as it was written; its errors say what is wrong with the file."""
    try:
        check_seal(path)
        guard.check(path)
        with LOCK, uninterrupted():
            yield
    except FileNotFoundError:
        raise ProjectError(f"no file {path}: {remedy}") from None
    except Exception as error:  # whatever the libraries make of a damaged file
        if isinstance(error, Unreadable):
            raise
        if why := unreadable(path):  # a program that has it open for writing marks it so
            raise Unreadable(f"{path} cannot be read, but need not be damaged: {why}") from error
        if isinstance(error, DamagedFile):
            raise DamagedFile(f"{error}: {remedy}") from None
        if isinstance(error, ProjectError):
            raise error if remedy in str(error) else ProjectError(f"{error}: {remedy}") from error
        raise ProjectError(f"{path} is no complete netCDF file ({error or type(error).__name__}): {remedy}") from error


def load(dataset: xr.Dataset) -> xr.Dataset:
    """All values in memory, and no trace of the file they came from.

    Raises:
        ProjectError: They are more than the memory of this computer.
    """
    affordable(dataset.nbytes)
    return dataset.load().drop_encoding()


def affordable(size: int) -> None:
    """Nothing, if this computer has memory for so many bytes: the operating system ends who fills more.

    Raises:
        ProjectError: It has not.
    """
    if size > MEMORY:
        raise ProjectError(f"{size / 1e9:.1f} GB asked for at once, and this computer has {MEMORY / 1e9:.1f} GB in all")


def kept(file: Path, state: str) -> xr.Dataset | None:
    """The dataset in `file` if it is whole and describes `state`."""
    try:
        found = read_netcdf(file, load, remedy="it is rebuilt")
    except ValueError:
        return None
    return found if found.attrs.get("state") == state else None


def cached(file: Path, state: str, build: Callable[[], xr.Dataset], root: Path | None = None) -> xr.Dataset:
    """The dataset in `file` if it describes `state`, else a new one, written if the folder can be written to.

    What cannot be written is logged: a project works without, only slower.
    """
    if (found := kept(file, state)) is not None:
        return found
    fresh = build().assign_attrs(state=state)
    try:
        write_netcdf(file, fresh, root=root)
    except (OSError, RuntimeError, ProjectError) as error:  # the netCDF library reports a full disk as RuntimeError
        log.info("%s is not kept (%s)", file, error)
    return fresh


def state_of(files: Iterable[Path]) -> str:
    """Digest of the names, sizes and times of `files`: a change of any file changes it."""
    facts = [(file.name, (stat := file.stat()).st_size, stat.st_mtime_ns) for file in sorted(files)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
