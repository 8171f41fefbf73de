"""What makes a function the function it is: its code, what it captured, and the helpers and values it names."""

import functools
import sys
import types
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import Any

import numpy as np

# Functions of these are known by name and version; all others are known by their code.
DISTRIBUTIONS = {
    "numpy": "numpy",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "skimage": "scikit-image",
    "xarray": "xarray",
    "umap": "umap-learn",
    "openTSNE": "openTSNE",
    "pynndescent": "pynndescent",
}
LIBRARIES = frozenset(DISTRIBUTIONS) | sys.stdlib_module_names
PLAIN = (bool, int, float, complex, str, bytes, tuple, list, dict, frozenset, range, np.ndarray, np.generic, np.ufunc)


def contents(function: types.FunctionType) -> Iterator[Any]:
    """The code of `function` and of every helper it reaches, with defaults, captured values and plain globals.

    Reached are functions of the same package, by name or through `module.helper`; methods of objects are not.
    """
    reached, waiting = {function: 0}, [function]
    while waiting:
        current = waiting.pop()
        yield current.__module__, current.__qualname__, current.__code__
        named = [("default", current.__defaults__), ("default", current.__kwdefaults__)]
        named += zip(current.__code__.co_freevars, map(_captured, current.__closure__ or ()), strict=True)
        for name, value in [*named, *_globals(current)]:
            for leaf in leaves(value):
                if isinstance(leaf, types.FunctionType) and package(leaf) not in LIBRARIES:
                    if leaf not in reached:
                        reached[leaf] = len(reached)
                        waiting.append(leaf)
                    yield name, reached[leaf]
                else:
                    yield name, leaf


def leaves(value: Any) -> Iterator[Any]:
    """The values within nested plain collections, and the collections' own shape."""
    if isinstance(value, Mapping):
        yield len(value)
        for key, item in sorted(value.items(), key=lambda pair: str(pair[0])):
            yield key
            yield from leaves(item)
    elif isinstance(value, tuple | list):
        yield len(value)
        for item in value:
            yield from leaves(item)
    else:
        yield value


def _captured(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return None


def _globals(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    names = _names(function.__code__)
    for name in sorted(names & function.__globals__.keys()):
        value = function.__globals__[name]
        if isinstance(value, types.ModuleType):
            yield from _members(value, names, package(function))
        elif isinstance(value, PLAIN) or _is_near(value, package(function)):
            yield name, value


def _members(module: types.ModuleType, names: set[str], near: str) -> Iterator[tuple[str, Any]]:
    if module.__name__.partition(".")[0] == near and near not in LIBRARIES:
        yield from (
            (name, vars(module)[name])
            for name in sorted(names & vars(module).keys())
            if _is_near(vars(module)[name], near)
        )


def _is_near(value: Any, near: str) -> bool:
    return isinstance(value, types.FunctionType) and package(value) == near


def _names(code: types.CodeType) -> set[str]:
    inner = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return set(code.co_names).union(*map(_names, inner))


def code_contents(code: types.CodeType) -> list[Any]:
    """What is executed, without line numbers or comments; inner functions are constants of the outer one."""
    return [sys.version_info[:2], code.co_code, code.co_names, code.co_varnames, code.co_freevars, *code.co_consts]


def package(value: Any) -> str:
    """The top-level package of a function or class."""
    return (value.__module__ or "").partition(".")[0]


def is_importable(value: Any) -> bool:
    """Whether a callable is found under its own name in its own module, as compiled functions are."""
    place = sys.modules.get(getattr(value, "__module__", None) or "")
    for name in getattr(value, "__qualname__", "").split("."):
        place = getattr(place, name, None)
    return callable(value) and place is value


@functools.cache
def library_version(top: str) -> str | None:
    """Version of a top-level package, None where it has none."""
    try:
        return metadata.version(DISTRIBUTIONS.get(top, top))
    except metadata.PackageNotFoundError:
        return None
