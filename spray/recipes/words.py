"""Stages in words: `hdbscan:min_cluster_size=10` for `partial(hdbscan, min_cluster_size=10)`.

What can be said follows from a stage's own signature: its keywords with their defaults are the options, and their types
say how a value is read.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from types import NoneType, UnionType
from typing import Any, get_args

from spray.recipes.parts import partial
from spray.recipes.recipe import Stage


def read_stage(words: str, stages: Mapping[str, Stage]) -> Stage:
    """The stage of `stages` that `NAME` or `NAME:OPTION=VALUE,OPTION=VALUE` means.

    Args:
        words: Several numbers are written as 2-8 or 2,3,5.
        stages: By name, such as `spray.CLUSTERINGS`.

    Returns:
        The stage itself, or with options given.

    Raises:
        ValueError: There is no such stage, it has no such option, or the value cannot be read as one.

    Example:
        >>> import spray
        >>> read_stage("kmeans:clusters=2-4,seed=1", spray.CLUSTERINGS).keywords
        {'clusters': (2, 3, 4), 'seed': 1}
        >>> read_stage("hdbscan:size=3", spray.CLUSTERINGS)
        Traceback (most recent call last):
        ValueError: hdbscan has no option 'size', it has min_cluster_size=5, min_samples=None
    """
    name, _, rest = words.partition(":")
    if name not in stages:
        raise ValueError(f"no stage {name!r}, there are {', '.join(stages)}")
    known = options(stages[name])
    given = {}
    for option, value in _pairs(rest):
        if option not in known:
            there = ", ".join(f"{key}={parameter.default}" for key, parameter in known.items())
            raise ValueError(f"{name} has no option {option!r}, it has {there or 'none'}")
        given[option] = _value(value, known[option].annotation, f"{name}: {option}")
    return partial(stages[name], **given) if given else stages[name]


def options(stage: Stage) -> dict[str, inspect.Parameter]:
    """The keywords of a stage that can be written as words."""
    parameters = inspect.signature(stage).parameters.values()
    return {p.name: p for p in parameters if p.kind is p.KEYWORD_ONLY and _kinds(p.annotation) <= READERS.keys()}


def numbers(text: str) -> tuple[int, ...]:
    """Several numbers.

    Args:
        text: Numbers and ranges, both ends included.

    Raises:
        ValueError: It is something else.

    Example:
        >>> numbers("2-4,7")
        (2, 3, 4, 7)
    """
    pieces = [piece.partition("-") for piece in text.split(",")]
    return tuple(k for first, _, last in pieces for k in range(int(first), int(last or first) + 1))


def _pairs(text: str) -> list[tuple[str, str]]:
    """(option, value); a piece without "=" goes on with the value before it: "clusters=2,3,seed=1"."""
    pairs: list[tuple[str, str]] = []
    for piece in filter(None, text.split(",")):
        option, mark, value = piece.partition("=")
        if mark or not pairs:
            pairs.append((option.strip(), value.strip()))
        else:
            pairs[-1] = (pairs[-1][0], f"{pairs[-1][1]},{piece}")
    return pairs


def _value(text: str, annotation: Any, place: str) -> Any:
    kinds = [kind for kind in READERS if kind in _kinds(annotation)]
    for kind in kinds:
        with suppress(ValueError, KeyError):
            return READERS[kind][1](text)
    raise ValueError(f"{place} must be {' or '.join(READERS[kind][0] for kind in kinds)}, got {text!r}")


def _kinds(annotation: Any) -> set[Any]:
    return set(get_args(annotation)) if isinstance(annotation, UnionType) else {annotation}


# what a value is called and how it is read; the stricter ones come first, for anything is a text
READERS: dict[Any, tuple[str, Callable[[str], Any]]] = {
    NoneType: ("none", {"none": None}.__getitem__),
    bool: ("true or false", {"true": True, "false": False}.__getitem__),
    int: ("a whole number", int),
    float: ("a number", float),
    Iterable[int]: ("numbers such as 2-8", numbers),
    str: ("text", str),
}
