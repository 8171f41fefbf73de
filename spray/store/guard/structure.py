"""What an HDF5 or netCDF file claims to hold, against what it has: run as a program of its own, see `guard`.

A file from a stranger may make the HDF5 library loop for ever or ask for all memory, so this is looked at in a process
that may be killed. It imports nothing of ours: starting it is to be fast.

One request a line, `{"path": ..., "strict": true, "seconds": 2.5}`; one answer a line, `""` or what is wrong. It ends
itself when it has computed for longer than `seconds` on one file: what waits for a slow disk computes nothing.
"""

import json
import math
import os
import signal
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

MEMORY = 4 << 30  # bytes of addresses that looking at a file may take
FREE = 16 << 20  # bytes that any file may claim
RATIO = 1100  # times the file's own size; deflate packs 1032 zeros into a byte at best
FILTERS = frozenset((1, 2, 3))  # deflate, shuffle, a checksum: what the netCDF library writes for us
BLOCK = 1024


class Refused(ValueError):
    """The file is not to be opened; the message says why."""


def examine(path: str, strict: bool) -> None:
    """Nothing, if the file holds what it claims, within itself; `strict` for files of projects, which are ours.

    Raises:
        ValueError: It claims more, or leads elsewhere.
    """
    size = Path(path).stat().st_size
    with Path(path).open("rb") as file:
        classic = file.read(3) == b"CDF"
    claimed = 0 if classic else _claimed_hdf5(path, strict, size)
    if strict or classic:
        claimed = max(claimed, _claimed_netcdf(path) if classic else _opened(path))
    most = FREE + (1 if classic else RATIO) * size
    if claimed > most:
        raise Refused(f"it has {size} bytes and claims to hold {claimed}")


def _opened(path: str) -> int:
    """The same library as the reader's, over all attributes: what makes it loop does so here."""
    import netCDF4

    with netCDF4.Dataset(path) as file:
        for holder in (file, *file.variables.values()):
            for name in holder.ncattrs():
                holder.getncattr(name)
    return 0


def _claimed_netcdf(path: str) -> int:
    import netCDF4

    with netCDF4.Dataset(path) as file:
        return sum(math.prod(v.shape) * v.dtype.itemsize for v in file.variables.values())


def _claimed_hdf5(path: str, strict: bool, size: int) -> int:
    import h5py

    total = 0
    with h5py.File(path, "r") as file:
        for name, found in _objects(file, strict):
            total += sum(_attribute(found, key) for key in found.attrs)
            if isinstance(found, h5py.Dataset):
                total += _claimed(name, found, strict, size)
            if total > FREE + RATIO * size:
                raise Refused(f"it has {size} bytes, and {name} with what lies before it claims {total}")
    return total


def _objects(file: Any, strict: bool) -> Iterator[tuple[str, Any]]:
    """Every group and dataset; links that lead elsewhere are refused, and so are groups within themselves."""
    import h5py

    h5o = import_module("h5py.h5o")  # which its stubs do not know

    stack, seen = [("", file)], {h5o.get_info(file.id).addr}
    while stack:
        path, group = stack.pop()
        yield path or "/", group
        for name in group:
            place = f"{path}/{name}"
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise Refused(f"{place} is a link to another file, {link.filename}")
            if isinstance(link, h5py.SoftLink):
                if strict:
                    raise Refused(f"{place} is a link to {link.path}, no data")
                continue
            found = group[name]
            if isinstance(found, h5py.Group):
                address = h5o.get_info(found.id).addr
                if address in seen:
                    raise Refused(f"the group {place} is there more than once")
                seen.add(address)
                stack.append((place, found))
            else:
                yield place, found


def _attribute(holder: Any, name: str) -> int:
    """Bytes of an attribute, which is read: its length may be told elsewhere in the file."""
    try:
        value = holder.attrs[name]
    except TypeError:  # of a type that h5py does not have; netCDF's own reader sees to it
        return 0
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    return sum(map(_length, value.ravel())) if kind == "O" else _length(value)


def _length(value: Any) -> int:
    return getattr(value, "nbytes", 0) or (len(value) if isinstance(value, str | bytes) else 0)


def _claimed(place: str, dataset: Any, strict: bool, size: int) -> int:
    """Bytes of a dataset, unpacked; what lies in other files is refused."""
    layout = dataset.id.get_create_plist()
    if layout.get_external_count():
        raise Refused(f"the values of {place} lie in another file, {os.fsdecode(layout.get_external(0)[0])}")
    if dataset.is_virtual:
        raise Refused(f"{place} is put together from other files")
    unknown = {layout.get_filter(at)[0] for at in range(layout.get_nfilters())} - FILTERS
    if strict and unknown:
        raise Refused(f"{place} is packed by the filters {sorted(unknown)}, which we do not write")
    one = max(dataset.dtype.itemsize, 1)
    claimed = max(math.prod(dataset.shape or ()), math.prod(dataset.chunks or (0,))) * one
    if claimed > FREE + RATIO * size:
        raise Refused(f"it has {size} bytes, and {place} alone claims {claimed}")
    if dataset.chunks:
        dataset.id.chunk_iter(lambda chunk: _within(place, chunk, size))
    if dataset.dtype.kind == "O" and dataset.shape is not None:
        claimed += sum(_lengths(dataset, FREE + RATIO * size))
    return claimed


def _within(place: str, chunk: Any, size: int) -> None:
    if chunk.byte_offset + chunk.size > size:
        raise Refused(f"values of {place} lie behind the end of the file")


def _lengths(dataset: Any, most: int) -> Iterator[int]:
    """Bytes of values of any length; many may be one and the same in the file."""
    if not dataset.shape:
        yield _length(dataset[()])
        return
    total, rows = 0, max(1, BLOCK // max(1, math.prod(dataset.shape[1:])))
    for start in range(0, dataset.shape[0], rows):
        length = sum(map(_length, dataset[start : start + rows].ravel()))
        total += length
        if total > most:
            raise Refused(f"{dataset.name} unpacks to more than {most} bytes")
        yield length


def main() -> None:
    """Answer until there is nobody who asks."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    for library in ("h5py", "netCDF4"):  # now: loading them is no part of looking at a file
        import_module(library)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # ends a loop of the library too
    for line in sys.stdin:
        request = json.loads(line)
        signal.setitimer(signal.ITIMER_PROF, request["seconds"])
        try:
            examine(request["path"], request["strict"])
            answer = ""
        except MemoryError:
            answer = "looking at it takes too much memory"
        except Exception as error:  # whatever the libraries make of it
            answer = str(error) or repr(error)
        signal.setitimer(signal.ITIMER_PROF, 0)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
