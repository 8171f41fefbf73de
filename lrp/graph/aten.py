"""ATen operators as targets of nodes: names, arguments, and the few callables of our own that stand for several."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.node import map_arg

from lrp._torch import OpOverload, argument_names, is_mutable, schema_arguments, schema_name


@dataclass(frozen=True)
class Item:
    """`op(...)[index]` as one operator, so that every node of a graph has a single tensor as its value."""

    op: OpOverload
    index: int

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.op(*args, **kwargs)[self.index]

    @property
    def __name__(self) -> str:
        return f"{operator_name(self.op)}[{self.index}]"


@dataclass(frozen=True)
class BiasMap:
    """A convolution whose bias has a value for each position: `op(input, weight, None, ...) + bias`."""

    op: OpOverload

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor | None, *options: Any) -> Tensor:
        z = self.op(x, weight, None, *options)
        return z if bias is None else z + bias

    @property
    def __name__(self) -> str:
        return f"{operator_name(self.op)}+map"


@dataclass(frozen=True)
class Clamp:
    """`clamp` between two tensors, in two steps: recording PyTorch's own takes ten times as long."""

    op: OpOverload = torch.ops.aten.clamp.Tensor

    def __call__(self, x: Tensor, low: Tensor, high: Tensor) -> Tensor:
        return torch.minimum(torch.maximum(x, low), high)

    @property
    def __name__(self) -> str:
        return operator_name(self.op)


def overload(target: Any) -> OpOverload | None:
    """The ATen overload behind a node's target, or None for a Python function."""
    target = target.op if isinstance(target, (Item, BiasMap, Clamp)) else target
    return target if isinstance(target, OpOverload) else None


def operator_name(target: Any) -> str:
    """`conv2d` for `aten.conv2d.default`; the table's key."""
    found = overload(target)
    return schema_name(found) if found is not None else getattr(target, "__name__", str(target))


def arguments(node: fx.Node) -> dict[str, Any]:
    """Every argument of an ATen node under its schema name, defaults filled in."""
    found = overload(node.target)
    assert found is not None, f"{node.target} is no ATen operator"
    return schema_arguments(found) | dict(zip(argument_names(found), node.args, strict=False)) | dict(node.kwargs)


def each_axis(value: int | list[int], axes: int) -> list[int]:
    """An option of a convolution for each spatial axis."""
    values = [value] if isinstance(value, int) else list(value)
    return values * axes if len(values) == 1 else values


def _named_nodes(node: fx.Node) -> Iterator[tuple[str, fx.Node]]:
    """(role, node) for every node among the arguments; list entries are numbered: `tensors.0`."""
    found = overload(node.target)
    names = argument_names(found) if found is not None else [str(i) for i in range(len(node.args))]
    for name, value in [*zip(names, node.args, strict=False), *node.kwargs.items()]:
        if isinstance(value, fx.Node):
            yield name, value
        else:
            nested: list[fx.Node] = []
            map_arg(value, nested.append)
            yield from ((f"{name}.{i}", entry) for i, entry in enumerate(nested))


def writes(node: fx.Node) -> bool:
    """Whether an operator changes its arguments."""
    return is_mutable(node.target)
