"""Remember what a stage computed: on disk, for every process, never wrong.

The key is the stage (name, code, code of the helpers it reaches in its package), the versions of the libraries that
compute, and the exact content of every bound argument with defaults: a change of any of them is another entry. A stage
that depends on something else, such as a method of an object, takes an argument `version` and raises its default.
"""

import functools
import inspect
import logging
import os
import re
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

import xarray as xr

from spray.files import append, claim, refuse_links, remove, remove_orphans
from spray.memo.codec import Damaged, read_entry, read_facts, write_entry
from spray.memo.digest import digest
from spray.memo.functions import DISTRIBUTIONS, library_version

log = logging.getLogger(__name__)
ENTRY = re.compile(r"[0-9a-f]{32}\.nc")
P = ParamSpec("P")
R = TypeVar("R")


def memoize(stage: Callable[P, R], folder: str | os.PathLike[str]) -> Callable[P, R]:
    """`stage`, remembered in `folder`.

    Entries are written aside and renamed, and locked while being computed: of several processes that need the same
    one, the first computes and the others wait. A damaged entry, or one of another user, is logged and computed again.
    Where nothing can be written a result is computed, with a warning that it is not remembered.

    Args:
        stage: A pure function.
        folder: Where entries lie; any number of processes may share it.

    Returns:
        A function of the same signature.

    Raises:
        TypeError: The content of an argument cannot be told, or the result cannot be stored.

    Example:
        >>> import tempfile
        >>> calls = []
        >>> def double(x, *, times=2):
        ...     print("computing")
        ...     return x * times
        >>> remembered = memoize(double, tempfile.mkdtemp())
        >>> remembered(3), remembered(3), remembered(3, times=2), remembered(3.0)
        computing
        computing
        (6, 6, 6, 6.0)
    """
    place = Path(folder)
    name = stage_name(stage)

    @functools.wraps(stage)
    def remembered(*args: P.args, **kwargs: P.kwargs) -> R:
        call = inspect.signature(stage).bind(*args, **kwargs)
        call.apply_defaults()
        path = place / name / f"{key(stage, call.arguments)}.nc"
        refuse_links(path.with_suffix(".lock"), place.parent)  # a folder of links, say, in a project that was a gift
        found, value = _recall(path)
        if found:
            return value
        with _claimed(path.with_suffix(".lock")):
            found, value = _recall(path)  # somebody else may have been faster
            return value if found else _compute(path, stage, call)

    return remembered


@contextmanager
def _claimed(file: Path) -> Iterator[None]:
    """One process at a time, where a lock can be written; a folder that nobody can write to has no use for it."""
    with ExitStack() as stack:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(claim(file))
        except OSError as error:
            log.debug("no lock %s: %s", file, error)
        yield


def stage_name(stage: Callable) -> str:
    """The name of a stage, also of a partial one.

    Args:
        stage: A function, or a partial one.

    Returns:
        Its name.

    Example:
        >>> stage_name(functools.partial(sorted, reverse=True))
        'sorted'
    """
    inner = stage
    while isinstance(inner, functools.partial):
        inner = inner.func
    return getattr(inner, "__name__", type(inner).__name__).replace("<lambda>", "lambda")


def key(stage: Callable, arguments: dict[str, Any]) -> str:
    """What tells this call from all others that give another result."""
    libraries = [(name, library_version(name)) for name in DISTRIBUTIONS]
    return digest(stage, libraries, arguments)


def _compute(path: Path, stage: Callable, call: inspect.BoundArguments) -> Any:
    start = time.perf_counter()
    value = stage(*call.args, **call.kwargs)
    facts = {
        "stage": f"{getattr(stage, '__module__', '')}.{stage_name(stage)}",
        "parameters": {name: _brief(argument) for name, argument in call.arguments.items()},
        "seconds": round(time.perf_counter() - start, 3),
    }
    try:
        write_entry(path, value, facts)
    except (OSError, RuntimeError) as error:  # the netCDF library reports a full disk as RuntimeError
        warnings.warn(
            f"{facts['stage']} is computed and not remembered, {path} cannot be written: {error}", stacklevel=3
        )
    return value


def _recall(path: Path) -> tuple[bool, Any]:
    try:
        value = read_entry(path)
    except FileNotFoundError:
        return False, None
    except Damaged as error:
        log.warning("memo entry %s is damaged (%s): computing it again", path, error)
        return False, None
    _count_hit(path)
    return True, value


def _count_hit(path: Path) -> None:
    """One byte a hit: appending is atomic, and the file's time says when the entry was last of use."""
    try:
        append(path.with_suffix(".hits"), b".")
    except OSError as error:
        log.debug("cannot count a hit of %s: %s", path, error)


def _brief(argument: Any) -> str:
    """An argument in one line: data by their sizes."""
    if isinstance(argument, xr.DataArray | xr.Dataset):
        return f"{type(argument).__name__}({', '.join(f'{dim}: {size}' for dim, size in argument.sizes.items())})"
    if hasattr(argument, "shape") and hasattr(argument, "dtype"):
        return f"{type(argument).__name__}{tuple(argument.shape)}"
    text = getattr(argument, "__qualname__", None) or repr(argument)
    return text if len(text) <= 200 else f"{text[:197]}..."


class Entry(NamedTuple):
    """One remembered call."""

    stage: str
    parameters: dict[str, str]
    size: int  # bytes
    hits: int
    used: datetime  # last written or hit
    seconds: float  # that computing it took
    path: Path


def info(folder: str | os.PathLike[str]) -> list[Entry]:
    """What a folder remembers, the last used first. Damaged entries are left out.

    Args:
        folder: Of `memoize`.

    Returns:
        One entry for each remembered call.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> for _ in range(3): _ = memoize(len, folder)("text")
        >>> [(entry.stage, entry.parameters, entry.hits) for entry in info(folder)]
        [('builtins.len', {'obj': "'text'"}, 2)]
    """
    found = [entry for path in Path(folder).glob("*/*.nc") if (entry := _entry(path))]
    return sorted(found, key=lambda entry: entry.used, reverse=True)


def _entry(path: Path) -> Entry | None:
    try:
        facts, size, (hits, used) = read_facts(path), path.stat().st_size, _uses(path)
    except (Damaged, OSError):
        return None
    when = datetime.fromtimestamp(used, UTC)
    return Entry(facts["stage"], facts["parameters"], size, hits, when, facts["seconds"], path)


def _uses(path: Path) -> tuple[int, float]:
    """Number of hits, and the time of the last one or of writing; a time in the future (a clock was wrong) is now."""
    written = path.stat().st_mtime
    try:
        hits = path.with_suffix(".hits").stat()
        number, used = hits.st_size, max(hits.st_mtime, written)
    except OSError:
        number, used = 0, written
    return number, min(used, time.time())


def prune(
    folder: str | os.PathLike[str], *, older_than: timedelta | None = None, max_size: int | None = None
) -> list[Path]:
    """Remove entries not used for `older_than`, then the least recently used ones until `max_size` bytes remain.

    What killed writers left behind goes as well. Returns what was removed. An entry that another process is about to
    read is computed again there: pruning is safe at any time. Other files than entries stay.

    Args:
        folder: Of `memoize`.
        older_than: None for any age.
        max_size: Bytes; None for any size.

    Returns:
        The files that were removed.

    Raises:
        ProjectError: `folder` or something in it is a link; nothing is removed then.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> _ = memoize(len, folder)("text")
        >>> len(prune(folder, max_size=0)), info(folder)
        (1, [])
    """
    place, now = Path(folder), time.time()
    files = list(place.glob("*/*.nc"))
    for file in files:
        refuse_links(file, place.parent)
    entries = sorted(use for file in files if ENTRY.fullmatch(file.name) and (use := _use(file)))
    removed = [path for used, _, path in entries if older_than is not None and now - used > older_than.total_seconds()]
    if max_size is not None:
        kept = [(size, path) for _, size, path in entries if path not in removed]
        excess = sum(size for size, _ in kept) - max_size
        for size, path in kept:
            if excess <= 0:
                break
            removed.append(path)
            excess -= size
    for path in removed:
        for part in (path, path.with_suffix(".hits"), path.with_suffix(".lock")):
            remove(part, place.parent)
    return removed + remove_orphans(place, 1)


def _use(path: Path) -> tuple[float, int, Path] | None:
    """When an entry was last used, and its size; None if somebody else has removed it meanwhile."""
    try:
        return _uses(path)[1], path.stat().st_size, path
    except FileNotFoundError:
        return None
