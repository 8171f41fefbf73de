"""Remember what a stage computed: on disk, for every process, never wrong.

The key is the stage (name, code, code of the helpers it reaches in its package), the versions of the libraries that
compute, and the exact content of every bound argument with defaults: a change of any of them is another entry. A stage
that depends on something else, such as a method of an object, takes an argument `version` and raises its default.
"""

import functools
import inspect
import logging
import os
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import xarray as xr

from spray.files import append, claim, refuse_links
from spray.memo.codec import Damaged, read_entry, write_entry
from spray.memo.digest import digest
from spray.memo.functions import DISTRIBUTIONS, library_version

log = logging.getLogger(__name__)
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
