"""A copy of a model's modules that shares its tensors: what tracing writes into it, the caller never sees."""

from __future__ import annotations

import types
import warnings
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn

from lrp.graph.export.errors import Refused

TABLES = (list, deque, set, dict, OrderedDict, defaultdict)
"""Containers that `forward` may write into."""

HOOKS = ("_forward_hooks", "_forward_pre_hooks")


def isolated(model: nn.Module) -> nn.Module:
    """The same model, of the same tensors, whose modules and tables are its own and which calls no hook of the user's.

    Hooks of PyTorch itself, such as those of `weight_norm` and `prune`, belong to the model and stay.

    Warns:
        UserWarning: A hook might change what the model predicts; it is not part of what is explained.
    """
    new = copy_modules(model, {})
    silenced = [name or type(m).__name__ for name, m in new.named_modules() if _silence(m)]
    if silenced:
        warnings.warn(
            f"forward hooks are not called while tracing ({', '.join(silenced[:3])}{', ...' * (len(silenced) > 3)}): "
            "if they change what the model computes, that is not explained; write it into forward",
            stacklevel=4,  # threads take turns, which is one call more
        )
    return new


def copy_modules(module: nn.Module, copied: dict[int, Any]) -> nn.Module:
    """A module with tables of its own; one that is used several times stays one."""
    return _copy(module, copied)


def _copy(value: Any, copied: dict[int, Any]) -> Any:
    """Modules, containers, plain objects and methods bound to them anew; tensors and all else as they are."""
    if id(value) in copied:
        return copied[id(value)]
    if isinstance(value, types.MethodType):
        return types.MethodType(value.__func__, _copy(value.__self__, copied))
    if isinstance(value, partial):
        new = copied[id(value)] = partial(_copy(value.func, copied), *_copy(value.args, copied), **value.keywords)
        new.__dict__.update(vars(value))
    elif isinstance(value, nn.Module) or _is_plain(value):
        new = copied[id(value)] = object.__new__(type(value))
        new.__dict__.update({name: _copy(part, copied) for name, part in vars(value).items()})
    elif type(value) in (tuple, set, frozenset):
        new = copied[id(value)] = type(value)(_copy(part, copied) for part in value)
    elif type(value) in (list, deque):
        new = copied[id(value)] = value.copy()
        new.clear()
        new.extend(_copy(part, copied) for part in value)
    elif type(value) in (dict, OrderedDict, defaultdict):
        new = copied[id(value)] = value.copy()
        new.update({key: _copy(part, copied) for key, part in value.items()})
    else:
        return value
    return new


def _is_plain(value: Any) -> bool:
    """Whether an object is its attributes and nothing more, so that a copy is as good."""
    kind = type(value)
    if kind.__module__.startswith("torch."):
        return False
    return kind.__new__ is object.__new__ and hasattr(value, "__dict__") and not hasattr(kind, "__del__")


def _silence(module: nn.Module) -> bool:
    """Drop hooks that are not PyTorch's own; whether there were any."""
    found = False
    for table in HOOKS:
        hooks = getattr(module, table)
        foreign = [key for key, hook in hooks.items() if not _is_of_torch(hook)]
        for key in foreign:
            del hooks[key]
        found |= bool(foreign)
    return found


def _is_of_torch(hook: Any) -> bool:
    place = getattr(hook, "__module__", None) or type(hook).__module__
    return str(place).startswith("torch.")


@contextmanager
def restored(model: nn.Module, replaced: set[str]) -> Iterator[None]:
    """Put back what a call writes into the attributes of the modules; names of replaced tensors go into `replaced`.

    Raises:
        Refused: The call put another tensor in a buffer's place: the model's next prediction would be another one.
    """
    before = list(_contents(model, {}))
    buffers = [(module, dict(module._buffers)) for module in model.modules()]
    try:
        yield
        for name, module in model.named_modules():
            held = next(content for holder, content in before if holder is module)
            replaced |= {
                f"{name}.{key}".lstrip(".")
                for key, value in held.items()
                if isinstance(value, Tensor) and vars(module).get(key) is not value
            }
        for module, held in buffers:
            written = [name for name, value in module._buffers.items() if value is not held.get(name, value)]
            if written:
                raise Refused(
                    f"the model writes to {', '.join(written)} of {type(module).__name__} while predicting; "
                    "return values instead"
                )
    finally:
        for holder, content in before:
            table: Any = vars(holder) if isinstance(content, dict) and not isinstance(holder, dict) else holder
            table.clear()
            (table.extend if isinstance(content, list | deque) else table.update)(content)


def _contents(value: Any, seen: dict[int, Any]) -> Iterator[tuple[Any, Any]]:
    """What can be written into, from a module on, and what is in it: what `_copy` copies."""
    if id(value) in seen:
        return
    seen[id(value)] = value
    if isinstance(value, nn.Module) or _is_plain(value):
        content = dict(vars(value))
        yield value, content
    elif type(value) in TABLES:
        content = value.copy()
        yield value, content
    elif type(value) in (tuple, frozenset):
        content = value
    else:
        return
    for part in list(content.values() if isinstance(content, dict) else content):
        yield from _contents(part, seen)
