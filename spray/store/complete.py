"""Complete is a number: how many samples a project should have, and what of them is not there."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from spray.files import ProjectError, Unreadable
from spray.store.facts import Place, read_project
from spray.store.index import failures, read_index
from spray.store.netcdf import read_netcdf
from spray.store.parts import parts

SHOWN = 8  # parts named in a line
MOST_PARTS = 1_000_000  # a number that says more is not believed


def expected_samples(ids: Sequence[int] | np.ndarray, part_size: int) -> dict[str, Any]:
    """What project.json says of the samples to come, under `samples`: their number, a digest of ids, samples a part.

    Args:
        ids: Of all samples, in order.
        part_size: Samples in a part; part 0 has the first ones.

    Returns:
        Facts for `write_project`.

    Example:
        >>> expected_samples([7, 3, 5], 2)
        {'number': 3, 'ids': '...', 'part_size': 2}
    """
    return {"number": len(ids), "ids": _digest(ids), "part_size": part_size}


def _digest(ids: Sequence[int] | np.ndarray) -> str:
    """Of the ids in any order: parts are joined by id, and samples that failed are listed apart."""
    return hashlib.sha256(np.sort(np.asarray(ids, dtype="<i8")).tobytes()).hexdigest()


class Missing(NamedTuple):
    """What a project lacks of its data set. What is not there is in a part that is missing, or failed."""

    present: int
    """Samples that are there."""
    expected: int | None
    """Samples of the data set. None for not known: project.json does not say so before version 0.3."""
    parts: tuple[int, ...] = ()
    """Numbers of the parts that are missing or damaged."""
    samples: tuple[range, ...] = ()
    """What they hold: positions in the data set, which are its ids unless it has others."""
    failed: Mapping[int, str] = {}
    """Samples that were left out, by id, and why."""
    others: bool = False
    """All parts are there, but their ids are not those that were expected."""

    @property
    def complete(self) -> bool | None:
        """Whether nothing is missing; None where that is not known."""
        return None if self.expected is None else self.present == self.expected and not self.others

    def __str__(self) -> str:
        """One line if something is missing, else nothing."""
        if self.complete is not False:
            return ""
        why = [f"without part {_names(self.parts)}"] if self.parts else []
        why += [f"{len(self.failed)} could not be explained"] if self.failed else []
        why += ["ids are others than expected"] if self.others else []
        return f"incomplete: {self.present} of {self.expected} samples" + (f" ({'; '.join(why)})" if why else "")


def _names(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:SHOWN]))
    return shown if len(numbers) <= SHOWN else f"{shown} and {len(numbers) - SHOWN} more"


def missing(path: Place) -> Missing:
    """What is not there of the samples that a project should have.

    Args:
        path: The project's folder.

    Returns:
        What is missing; its text is one line, empty if nothing is.

    Raises:
        ProjectError: There is no project, or a part cannot be read now (a damaged one is missing).

    Example:
        >>> import tempfile, xarray as xr
        >>> from spray.store import write_part, write_project
        >>> folder = tempfile.mkdtemp()
        >>> write_project(folder, name="digits", samples=expected_samples(range(5), 2))
        >>> part = {"relevance": (("sample", "height", "width"), np.ones((2, 8, 8), "float32"))}
        >>> _ = write_part(folder, 1, xr.Dataset(part, {"sample": [2, 3]}))
        >>> found = missing(folder)
        >>> found.parts, found.samples
        ((0, 2), (range(0, 2), range(4, 5)))
        >>> print(found)
        incomplete: 2 of 5 samples (without part 0, 2)
    """
    wanted = _wanted(read_project(path))
    whole, ids, failed = _present(path)
    if wanted is None:
        return Missing(len(ids), None, failed=failed)
    number, size, digest = wanted
    lost = tuple(part for part in range(-(-number // size)) if part not in whole)
    samples = tuple(range(part * size, min((part + 1) * size, number)) for part in lost)
    others = not lost and _digest([*ids.tolist(), *failed]) != digest
    return Missing(len(ids), number, lost, samples, failed, others)


def expected_number(facts: Mapping[str, Any]) -> int | None:
    """How many samples a project should have.

    Args:
        facts: Of `read_project`, or the attributes of `open_attributions`.

    Returns:
        The number; None where the facts do not say.

    Example:
        >>> expected_number({"samples": {"number": 3, "ids": "", "part_size": 2}}), expected_number({})
        (3, None)
    """
    return None if (wanted := _wanted(facts)) is None else wanted[0]


def _wanted(facts: Mapping[str, Any]) -> tuple[int, int, str] | None:
    """Number of samples, samples a part, digest of ids, if they are there and sane: a project may be a stranger's."""
    try:
        found: Any = facts.get("samples")
        found = json.loads(found) if isinstance(found, str) else found
        number, size, ids = found["number"], found["part_size"], found["ids"]
        sane = type(number) is type(size) is int and 0 < number <= size * MOST_PARTS
    except (ValueError, TypeError, LookupError):
        return None
    return (number, size, str(ids)) if sane else None


def _present(path: Place) -> tuple[set[int], np.ndarray, dict[int, str]]:
    """The parts that are whole, their ids, and the samples that they left out."""
    files = parts(path)
    try:
        index = read_index(path) if files else None
    except Unreadable:
        raise
    except ProjectError:  # of a damaged part nothing is there; the others tell for themselves
        return _each(path)
    if index is None:
        return set(), np.empty(0, np.int64), {}
    return set(files), index.sample.values, failures(index.attrs)


def _each(path: Place) -> tuple[set[int], np.ndarray, dict[int, str]]:
    whole, ids, failed = set(), [np.empty(0, np.int64)], {}
    for number, file in parts(path).items():
        try:
            found, attrs = read_netcdf(file, lambda part: (part.sample.values, part.attrs), remedy="it is missing")
        except Unreadable:
            raise
        except (ProjectError, AttributeError):
            continue
        whole.add(number)
        ids.append(found)
        failed |= failures(attrs)
    return whole, np.concatenate(ids), failed
