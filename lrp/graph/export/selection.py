"""Which of a model's outputs is explained, chosen inside what is exported: the others never leave the model."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from lrp.graph.export.errors import ForwardError, OutputError
from lrp.graph.export.isolated import restored

Selector = str | int | Callable[[Any], Any]
"""Which of several outputs to explain: a key, a position, or a function that picks one from the model's output."""


def select_inside(model: nn.Module, selector: Selector | None, replaced: set[str]) -> nn.Module:
    """Let a copy of a model return the chosen output alone, and keep nothing of a call; what it replaced is named.

    Its code's own errors come as the cause of a `ForwardError`, which PyTorch does not print by itself.
    """
    forward = model.forward

    @functools.wraps(forward)
    def selected(*args: Any, **kwargs: Any) -> Tensor:
        with restored(model, replaced):
            try:
                output = forward(*args, **kwargs)
            except Exception as error:
                raise ForwardError(str(error)) from error
            return select(output, selector)

    model.__dict__["forward"] = selected
    return model


def select(output: Any, selector: Selector | None) -> Tensor:
    """One tensor of a model's output.

    Raises:
        OutputError: There is no such output, or several and none is chosen; the message lists them.
    """
    found = output
    if callable(selector):
        try:
            found = selector(output)
        except (KeyError, IndexError, AttributeError, TypeError) as error:
            raise OutputError(
                f"output= picks nothing from what the model returns, {_in_words(output)}: {error!r}"
            ) from error
    elif selector is not None:
        entries: dict[Any, Any] = _entries(output)
        if isinstance(selector, int) and selector not in entries:
            values = list(entries.values())
            entries = {at: values[at] for at in range(-len(values), len(values))}
        if selector not in entries:
            raise OutputError(f"the model returns {_in_words(output)}; there is no output {selector!r} among them")
        found = entries[selector]
    while not isinstance(found, Tensor) and len(entries := _entries(found)) == 1:
        (found,) = entries.values()
    if not isinstance(found, Tensor):
        chosen = "the model returns" if selector is None else f"output={_named(selector)} is"
        raise OutputError(f"{chosen} {_in_words(found)}; say which one to explain: output=...")
    return found


def _entries(output: Any) -> dict[Any, Any]:
    """The parts of an output by key or position, without those that are None; none for what has no parts."""
    if isinstance(output, Mapping):
        parts = dict(output)
    elif dataclasses.is_dataclass(output):
        parts = {field.name: getattr(output, field.name) for field in dataclasses.fields(output)}
    elif isinstance(output, tuple) and hasattr(output, "_fields"):
        parts = dict(zip(output._fields, output, strict=True))  # type: ignore[attr-defined]
    elif isinstance(output, list | tuple):
        parts = dict(enumerate(output))
    else:
        parts = {}
    return {name: part for name, part in parts.items() if part is not None}


def _in_words(output: Any) -> str:
    if isinstance(output, Tensor):
        return "one tensor"
    entries = list(_entries(output))
    if not entries:
        return f"a {type(output).__name__}"
    return f"{len(entries)} outputs" if entries == [*range(len(entries))] else str(entries)


def _named(selector: Any) -> str:
    return getattr(selector, "__name__", repr(selector))
