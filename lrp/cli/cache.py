"""Explainers that commands made before, kept in the user's cache folder by all that their numbers depend on."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import click
import torch
import xxhash

import lrp
from lrp._torch import pytree
from lrp.composites.serialize import to_json
from lrp.composites.table import Composite
from lrp.dataset.manifest import IDENTITY, fingerprint
from lrp.saved import Loaded, load, save
from spray.files import claim, make_folder, refuse_links, remove, remove_orphans
from spray.store import versions

PLACE, SIZE = "LRP_CACHE", "LRP_CACHE_GB"
"""Variables of the environment: the folder, and how many gigabytes stay in it."""
GIGABYTES = 5.0
WAIT = 120  # seconds that we wait for another process that makes the same
KEY = "key"  # the note that says what an entry is of


def folder() -> Path:
    """Where explainers are kept: `LRP_CACHE`, or `lrp-spray` in the user's cache folder."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get(PLACE) or Path(caches) / "lrp-spray")


def inputs(x: Any, free: Mapping[int, str] | None) -> list[Any]:
    """What tracing sees of inputs: names, types and sizes; of axes that may vary, whether they are longer than 1."""
    leaves, structure = pytree.tree_flatten(x)

    def size(axis: int, found: int) -> int | str:
        return free[axis] if free and axis in free and found > 1 else found

    shapes = [[str(leaf.dtype), [size(*sized) for sized in enumerate(leaf.shape)]] for leaf in leaves]
    return [str(structure), shapes]


def kept(
    facts: Mapping[str, Any], composite: Composite, make: Callable[[], lrp.Explainer], device: torch.device
) -> lrp.Explainer:
    """The explainer that was kept of the same facts and composite, else a new one, which is kept; a line says which.

    What is damaged or of something else is made anew. An explainer whose making warns is not kept: the warning is for
    every run. Of several processes one makes it, the others wait for it.
    """
    key = {**facts, "composite": to_json(composite), **_surroundings(device)}
    file = folder() / f"{xxhash.xxh3_128_hexdigest(json.dumps(key, sort_keys=True).encode())}.safetensors"
    if (found := _read(file, key, device)) is not None:
        return found
    with _claimed(file):
        if (found := _read(file, key, device)) is not None:
            return found
        with warnings.catch_warnings(record=True) as caught:
            made = make()
        for warning in caught:
            warnings.warn(warning.message, stacklevel=2)
        if not caught:
            _write(file, made, key)
        return made


def _read(file: Path, key: Mapping[str, Any], device: torch.device) -> Loaded | None:
    """What is kept in a file, if it is what the key says; what is not is removed, with a word."""
    if not file.exists():
        return None
    try:
        refuse_links(file)
        found = load(file, device)
        if found.facts["notes"].get(KEY) != key:
            raise ValueError(f"{file} is of something else than its name says")
    except (ValueError, OSError, RuntimeError) as error:
        click.echo(f"the kept explainer is made anew: {error}", err=True)
        with suppress(OSError, ValueError):
            remove(file)
        return None
    with suppress(OSError):  # a folder that we may only read
        os.utime(file)  # the least recently used go first
    click.echo(f"explainer from {file} (--no-cache makes it anew)", err=True)
    return found


def _write(file: Path, made: lrp.Explainer, key: Mapping[str, Any]) -> None:
    try:
        save(made, file, notes={KEY: key, IDENTITY: fingerprint(made)})
        prune(file.parent, _bound())
    except (ValueError, OSError) as error:  # an operator that cannot be saved, a full disk, a folder that is not ours
        click.echo(f"the explainer is not kept for the next time: {error}", err=True)
    else:
        told = f"the explainer is kept in {file}" if file.exists() else f"the explainer is larger than {SIZE} allows"
        click.echo(f"{told} (--no-cache keeps none)", err=True)


def _bound() -> float:
    """Bytes that stay."""
    said = os.environ.get(SIZE) or GIGABYTES
    try:
        return float(said) * 1e9
    except ValueError:
        raise ValueError(f"{SIZE}={said} is no number of gigabytes") from None


def prune(place: Path, most: float) -> None:
    """Remove the least recently used explainers until `most` bytes remain."""
    found = [(stat.st_mtime, stat.st_size, path) for path, stat in _entries(place)]
    excess = sum(size for _, size, _ in found) - most
    for _, size, path in sorted(found):
        if excess <= 0:
            break
        for part in (path, path.with_suffix(".lock")):
            remove(part)
        excess -= size
    remove_orphans(place)


def _entries(place: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for path in place.glob("[0-9a-f]*.safetensors"):
        with suppress(FileNotFoundError):  # somebody else has removed it meanwhile
            yield path, path.lstat()


@contextmanager
def _claimed(file: Path) -> Iterator[None]:
    """Nobody else makes the same, if the folder can be written to, and nobody is at it for long."""
    with ExitStack() as stack:
        with suppress(OSError):  # which writing tells
            make_folder(file.parent)
            stack.enter_context(claim(file.with_suffix(".lock"), WAIT))
        yield


def _surroundings(device: torch.device) -> dict[str, Any]:
    """What the numbers depend on beside model and composite: libraries, our own code, the processor."""
    processor = torch.cuda.get_device_name(device) if device.type == "cuda" else torch.backends.cpu.get_cpu_capability()
    return {"versions": versions(), "python": sys.version, "code": _code(), "processor": processor}


@cache
def _code() -> str:
    """Digest of our own source, which changes while its version stands."""
    digest, root = xxhash.xxh3_128(), Path(lrp.__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
