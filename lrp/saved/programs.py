"""A recorded program as plain data: a list of calls of PyTorch's own operators, which JSON can hold.

`torch.export`'s archive holds the same programs and takes as long to read as the model takes to be traced and recorded
anew (ResNet-50: 11 s against 14 s); a list of a thousand calls is read in 0.1 s.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx

from lrp._torch import OpOverload

NAMED: dict[str, Any] = {f"operator.{name}": getattr(operator, name) for name in (
    "getitem", "add", "sub", "mul", "floordiv", "truediv", "mod", "neg", "pow", "eq", "ne", "lt", "le", "gt", "ge",
)} | {
    "Tensor.size": torch.Tensor.size,
    **{f"torch.{name}": getattr(torch, name) for name in ("sym_max", "sym_min", "sym_int", "sym_float", "sym_not")},
    **{f"math.{name}": getattr(math, name) for name in ("ceil", "floor", "trunc")},
}  # fmt: skip
"""What a program calls beside PyTorch's operators: arithmetic of sizes."""
WORDS: dict[Any, str] = {function: name for name, function in NAMED.items()}
SPACES = ("aten", "prims")
REFUSED = ("from_file",)
"""Operators that reach beyond their arguments; no program of ours calls them, a stranger's may."""
KINDS: tuple[tuple[type, str], ...] = (
    (torch.dtype, "dtype"), (torch.layout, "layout"), (torch.memory_format, "memory_format"),
)  # fmt: skip


def to_data(module: fx.GraphModule) -> tuple[list[list[Any]], dict[str, Tensor]]:
    """The calls of a program, and the tensors that it holds itself.

    Raises:
        ValueError: A node calls what is no operator of PyTorch's.
    """
    calls, held = [], {}
    for node in module.graph.nodes:
        if node.op == "get_attr":
            held[node.target] = _found(module, node.target)
        target = node.target if node.op in ("placeholder", "get_attr", "output") else _word(node)
        calls.append([node.op, node.name, target, _encoded(node.args), _encoded(dict(node.kwargs))])
    return calls, held


def from_data(calls: Sequence[Any], held: Mapping[str, Tensor], device: torch.device) -> fx.GraphModule:
    """The inverse of `to_data`; what the program makes itself it makes on `device`.

    Raises:
        ValueError: The data are no program, or one that calls what programs do not.
    """
    graph, env, root = fx.Graph(), {}, torch.nn.Module()
    for name, tensor in held.items():
        root.register_buffer(name, tensor)
    try:
        for op, name, target, args, kwargs in calls:
            given, named = _decoded(args, env, device), _decoded(kwargs, env, device)
            if op == "output":
                graph.output(*given)
                continue
            if op == "get_attr" and target not in held:
                raise ValueError(f"it holds no tensor {target}")
            called = _function(target) if op == "call_function" else str(target)
            if op not in ("placeholder", "get_attr", "call_function"):
                raise ValueError(f"a node is a {op}")
            env[name] = graph.create_node(op, called, given, named, name)  # type: ignore[arg-type]
        graph.lint()
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise ValueError(f"this is no program: {error!r}") from error
    return fx.GraphModule(root, graph)


def _found(module: fx.GraphModule, name: str) -> Tensor:
    value = getattr(module, name)
    if not isinstance(value, Tensor):
        raise ValueError(f"the program holds {name}, a {type(value).__name__}: only tensors can be saved")
    return value


def _word(node: fx.Node) -> str:
    if isinstance(node.target, OpOverload) and node.target.namespace in SPACES:
        return str(node.target)
    try:
        return WORDS[node.target]
    except (KeyError, TypeError):
        raise ValueError(
            f"{node.name} calls {node.target}, which is no operator of PyTorch's own: such a program cannot be saved; "
            "make the explainer anew where it is needed"
        ) from None


def _function(word: Any) -> Callable[..., Any]:
    if word in NAMED:
        return NAMED[word]
    space, name, overload = str(word).split(".")
    if space not in SPACES or name in REFUSED:
        raise ValueError(f"it calls {word}, which no saved explainer does: take none from a source you do not know")
    found = getattr(getattr(getattr(torch.ops, space), name), overload)
    if not isinstance(found, OpOverload):
        raise ValueError(f"{word} is no operator")
    return found


def _encoded(value: Any) -> Any:
    """An argument as JSON: what is no number, text or list is a mapping of one entry that says what it is."""
    if isinstance(value, fx.Node):
        return {"node": value.name}
    if isinstance(value, tuple):
        return {"tuple": [_encoded(part) for part in value]}
    if isinstance(value, list):
        return [_encoded(part) for part in value]
    if isinstance(value, dict):
        return {"dict": {key: _encoded(part) for key, part in value.items()}}
    if isinstance(value, slice):
        return {"slice": [_encoded(part) for part in (value.start, value.stop, value.step)]}
    if isinstance(value, torch.device):
        return {"device": value.type}
    for kind, word in KINDS:
        if isinstance(value, kind):
            return {word: str(value).removeprefix("torch.")}
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise ValueError(f"an argument is a {type(value).__name__}, {value!r}: such a program cannot be saved")


def _decoded(value: Any, env: Mapping[str, fx.Node], device: torch.device) -> Any:
    if isinstance(value, list):
        return [_decoded(part, env, device) for part in value]
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    if kind == "node":
        return env[held]
    if kind == "tuple":
        return tuple(_decoded(part, env, device) for part in held)
    if kind == "dict":
        return {key: _decoded(part, env, device) for key, part in held.items()}
    if kind == "slice":
        return slice(*_decoded(held, env, device))
    if kind == "device":
        return device
    wanted = {word: found for found, word in KINDS}[kind]
    found = getattr(torch, held)
    if not isinstance(found, wanted):
        raise ValueError(f"{held} is no {kind}")
    return found
