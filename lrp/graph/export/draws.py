"""What a model draws at random while it predicts: named, or drawn once and kept as constants."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx
from torch.fx.node import map_arg

from lrp._torch import fake_mode_of, fixed_size
from lrp.graph.aten import Item, arguments, operator_name, overload
from lrp.graph.export.errors import TraceError
from lrp.graph.graph import Graph
from lrp.graph.operators import has
from lrp.graph.rewriting import Builder, rewrite

aten = torch.ops.aten

BY_NUMBERS = frozenset(["normal", "normal_functional", "bernoulli"])
"""Operators whose draw depends on shapes and numbers alone where their arguments `mean`, `std` and `p` are numbers."""

OFF = {"train": False, "training": False, "dropout_p": 0.0, "dropout": 0.0, "p": 0.0}
"""Arguments, each of which switches the randomness of an operator off."""


GENERATORS: Mapping[str, tuple[Callable[[], Any], Callable[[Any], Any], Callable[[Any], Any]]] = {
    "random": (random.getstate, random.seed, random.setstate),
    "numpy.random": (np.random.get_state, lambda seed: np.random.seed(seed % 2**32), np.random.set_state),  # noqa: NPY002
}
"""How each generator that is not PyTorch's tells, starts and takes its state."""


def is_random(node: fx.Node) -> bool:
    """Whether an operator draws, its options considered."""
    found = overload(node.target) if node.op == "call_function" else None
    if found is None or torch.Tag.nondeterministic_seeded not in found.tags:
        return False
    given = arguments(node)
    return not any(type(given.get(name)) is type(off) and given[name] == off for name, off in OFF.items())


def without_draws(graph: Graph, seed: int | None) -> Graph:
    """The graph, if nothing in it is random; with a seed, what it draws is drawn now, once for all samples.

    Raises:
        TraceError: Random operators reach the output and there is no seed, or it cannot fix them; all are listed.
    """
    graph = rewrite(graph, lambda *_: None)  # what reaches the output alone
    drawn = [node for node in graph.fx.nodes if is_random(node)]
    if not drawn:
        return graph
    if seed is None:
        raise TraceError(
            f"the model draws at random while predicting: {_listed(drawn)}. Two equal calls would have "
            "two explanations: switch that off, or fix it by seed=0, which draws once, the same for every sample"
        )
    constants: dict[str, Tensor] = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        new = rewrite(graph, lambda builder, node: _fixed(graph, builder, node, constants) if node in drawn else None)
    return replace(new, params=dict(new.params) | constants)


def _fixed(graph: Graph, builder: Builder, node: fx.Node, constants: dict[str, Tensor]) -> fx.Node:
    """A random operator as a function of what it drew."""
    name, given, old = operator_name(node.target), arguments(node), node.args[0] if node.args else None
    op: Any = node.target
    if has(name, "draws by shape") or (name in BY_NUMBERS and _is_by_shape(node)):
        args, kwargs = (_alone(graph, node, values) for values in (node.args, node.kwargs))
        return _constant(graph, builder, node, constants, lambda: op(*args, **kwargs))
    if has(name, "draws a factor") and not (isinstance(op, Item) and op.index) and isinstance(old, fx.Node):
        ones = torch.ones(_shape(graph, node))
        factor = _constant(graph, builder, node, constants, lambda: op(ones, *node.args[1:], **node.kwargs))
        return builder.call(aten.mul.Tensor, builder.env[old], factor, like=node, shaped=node)
    if name == "bernoulli" and isinstance(chance := given.get("p") or old, fx.Node):
        uniform = _constant(graph, builder, node, constants, lambda: torch.rand(_shape(graph, node)))
        below = builder.call(aten.lt.Tensor, uniform, builder.env[chance], like=node)
        return builder.call(aten._to_copy.default, below, like=node, dtype=node.meta["val"].dtype)
    raise TraceError(
        f"a seed cannot fix what {_listed([node])} draws, since that depends on the input; write it otherwise"
    )


def _is_by_shape(node: fx.Node) -> bool:
    """`normal(mean=0, std=1)` on numbers, `bernoulli(x, p=0.5)`."""
    given = arguments(node)
    numbers = [given[name] for name in ("mean", "std", "p") if name in given]
    return bool(numbers) and all(isinstance(number, (int, float)) for number in numbers)


def _constant(graph: Graph, builder: Builder, node: fx.Node, constants: dict[str, Tensor], draw: Any) -> fx.Node:
    """A parameter that holds a draw, for one sample and spread over the batch."""
    value, like = draw().to(node.meta["val"].device), node.meta["val"]
    value = value.to(like.dtype) if value.is_floating_point() else value
    name = f"drawn.{node.name}"
    constants[name] = value
    with builder.graph.inserting_before(next(iter(builder.graph.nodes))):
        held = builder.graph.placeholder(f"drawn_{node.name}")
    held.meta = {
        "val": fake_mode_of(like).from_tensor(value, static_shapes=True),
        "layer": node.meta.get("layer", ""),
        "param": name,
    }
    free = [axis for axis, size in enumerate(like.shape) if fixed_size(size) is None]
    if not free:
        return held
    batch = builder.call(aten.sym_size.int, builder.env[graph.inputs[0]], 0, like=node)
    sizes = [batch if axis in free else size for axis, size in enumerate(value.shape)]
    return builder.call(aten.expand.default, held, sizes, like=node)


def _shape(graph: Graph, node: fx.Node) -> list[int]:
    """The shape of a node's value for one sample."""
    return [_size(graph, node, size) for size in node.meta["val"].shape]


def _size(graph: Graph, node: fx.Node, size: Any) -> int:
    if (known := fixed_size(size) if isinstance(size, torch.SymInt) else size) is not None:
        return known
    batch = graph.inputs[0].meta["val"].shape[0]
    if str(size) != str(batch):
        raise TraceError(f"a seed cannot fix what {_listed([node])} draws: its size {size} is not that of the batch")
    return 1


def _alone(graph: Graph, node: fx.Node, values: Any) -> Any:
    """Arguments with zeros in place of tensors, and one sample for the batch."""

    def of(argument: fx.Node) -> Any:
        value = argument.meta["val"]
        if not isinstance(value, Tensor):
            return _size(graph, node, value)
        return torch.zeros([_size(graph, node, size) for size in value.shape], dtype=value.dtype)

    return map_arg(values, of)


def _listed(nodes: list[fx.Node]) -> str:
    return ", ".join(f"{operator_name(n.target)} in {n.meta.get('layer') or 'the model itself'}" for n in nodes)


@contextmanager
def no_python_draws(seed: int | None) -> Iterator[None]:
    """Nothing is drawn by Python's or NumPy's generators, whose numbers a trace would keep for good.

    Raises:
        TraceError: Something was, and there is no seed for it.
    """
    before = [get() for get, _, _ in GENERATORS.values()]
    if seed is not None:
        for _, start, _ in GENERATORS.values():
            start(seed)
    started = [get() for get, _, _ in GENERATORS.values()]
    try:
        yield
        now = [get() for get, _, _ in GENERATORS.values()]
        drawn = [n for n, one, other in zip(GENERATORS, started, now, strict=True) if str(one) != str(other)]
    finally:
        for (_, _, put), state in zip(GENERATORS.values(), before, strict=True):
            put(state)
    if drawn and seed is None:
        raise TraceError(
            f"the model draws numbers from {' and '.join(drawn)} while predicting: two equal calls would have two "
            "explanations; switch that off, or fix it by seed=0"
        )
