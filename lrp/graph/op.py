"""Op: one node of a graph as a pure function of its signals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.node import map_arg

from lrp.graph.aten import _named_nodes, arguments, each_axis, operator_name
from lrp.graph.modes import kind_of_node
from lrp.graph.operators import has, kind_of

Params = Mapping[str, Any]
"""What an operator reads beside the signal, under the argument names of its ATen schema: weight, bias, ..."""

Inputs = tuple[Tensor, ...]
"""The signal: the operator's arguments that depend on the model's input and carry relevance."""


@dataclass(frozen=True, eq=False)
class Op:
    """One node as a pure function: `op(params, *inputs) -> output`, linear in nothing, remembering nothing.

    `roles` maps an argument's schema name to the node that provides it, `inputs` are the nodes of the signal.
    """

    node: fx.Node
    target: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    roles: Mapping[str, fx.Node]
    inputs: tuple[fx.Node, ...]
    kind: str | None
    nonnegative: tuple[bool, ...] = ()
    """Which inputs are never below zero."""
    gates: tuple[int, ...] = ()
    """How surely each input is the scale of a product and not its signal, see `lrp.graph.facts.GATES`."""
    degree: int = 1
    """How many of the arguments are signals, one that is given twice counted twice: `x @ x` has degree 2."""
    cut: bool = False
    """Whether relevance arrives only where the output is above zero: a ReLU follows, and what follows it shares in
    proportion to its input."""
    saved: Callable[[Tensor], Inputs] | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The operator: conv2d, add, relu, ..."""
        return operator_name(self.target)

    @property
    def family(self) -> str | None:
        """convolution or dense for linear layers, batch norm, residual for sums of several branches; else None."""
        if self.kind == "linear":
            return "dense" if has(self.name, "dense") else "convolution"
        if has(self.name, "batch norm"):
            return "batch norm"
        return "residual" if self.kind == "sum" and len(self.inputs) > 1 and has(self.name, "shift") else None

    @property
    def layer(self) -> str:
        """The module that holds the operator, as in `model.named_modules()`: layer3.1.conv2."""
        return self.node.meta.get("layer", "")

    @property
    def shape(self) -> tuple[Any, ...]:
        """The output's shape; the batch dimension is symbolic."""
        return tuple(getattr(self.node.meta.get("val"), "shape", ()))

    def __call__(self, params: Params, *inputs: Tensor) -> Tensor:
        env = {node: params.get(role) for role, node in self.roles.items()}
        env |= dict(zip(self.inputs, map(self._narrowed, inputs), strict=True))
        args, kwargs = map_arg((self.args, dict(self.kwargs)), lambda node: env[node])
        return self.target(*args, **kwargs)

    def transpose(self, params: Params, inputs: Inputs, cotangent: Tensor) -> Inputs:
        """`J^T cotangent`, J the Jacobian of `op(params, .)` at `inputs`; one tensor for each input. Of an
        operator in half precision they are of the cotangent's type all the same."""
        own = getattr(self.node.meta.get("val"), "dtype", None)
        if self.name == "_to_copy" and HALF & {own, inputs[0].dtype} and inputs[0].is_floating_point():
            return (cotangent,)  # a value of another type is the same value
        own = own if own in HALF else cotangent.dtype
        if self.saved is None and has(self.name, "elementwise"):
            own = torch.promote_types(own, inputs[0].dtype)
        found = self._transposed(params, inputs, cotangent.to(own))
        return tuple(part.to(cotangent.dtype) if part.dtype in HALF else part for part in found)

    def _narrowed(self, x: Tensor) -> Tensor:
        """A value of more digits than the operator computes with, as it reads it; value by value it takes all."""
        own = getattr(self.node.meta.get("val"), "dtype", None)
        if own not in HALF or has(self.name, "elementwise") or not x.is_floating_point():
            return x
        return x.to(own)

    def _transposed(self, params: Params, inputs: Inputs, cotangent: Tensor) -> Inputs:
        if self.saved is not None:
            return self.saved(cotangent)
        for formula in (_transposed_grouped, _transposed_layer, _transposed_cat):
            if (direct := formula(self, params, inputs, cotangent)) is not None:
                return direct
        numbers = [x if x.is_floating_point() else x.to(cotangent.dtype) for x in inputs]  # integers that are moved
        return torch.func.vjp(lambda *x: self(params, *x), *numbers)[1](cotangent)

    def bind(self, env: Mapping[fx.Node, Any]) -> Op:
        """The same operator with arguments known only at run time (sizes, masks) filled in."""
        known = {node: env[node] for node in self.roles.values() if node in env}
        if not known:
            return self
        args, kwargs = map_arg((self.args, dict(self.kwargs)), lambda node: known.get(node, node))
        roles = {role: node for role, node in self.roles.items() if node not in known}
        return replace(self, args=args, kwargs=kwargs, roles=roles)


def _transposed_grouped(op: Op, params: Params, inputs: Inputs, cotangent: Tensor) -> Inputs | None:
    """`J^T cotangent` of rows that are multiplied by the matrix of their group each, (row, in) by (group, in, out): the
    same by the transposed matrices; None for other operators."""
    if kind_of(op.name) != "grouped" or len(inputs) != 1:
        return None
    weight = params["weight" if "weight" in params else "mat2"]
    _, _, *rest = op.args
    return (op.target(cotangent, weight.mT.contiguous(), *rest, **{k: v for k, v in op.kwargs.items() if k != "bias"}),)


def _transposed_layer(op: Op, params: Params, inputs: Inputs, cotangent: Tensor) -> Inputs | None:
    """`J^T cotangent` of a linear layer without autograd; None for its rare forms and for other operators.

    vjp of a dense layer on more than two axes would tie the recorded program to one batch size; that of a convolution
    reads its input for the shape alone, which under `vmap` copies it for each seed and loses its memory layout.
    """
    if op.kind != "linear" or "weight" not in params:
        return None
    weight, x = params["weight"], inputs[0]
    if has(op.name, "dense"):
        return (cotangent @ weight,)
    given = arguments(op.node)
    if isinstance(given["padding"], str) or x.ndim != weight.ndim:
        return None
    stride, padding, dilation, extra = (
        each_axis(given.get(name, 0), x.ndim - 2) for name in ("stride", "padding", "dilation", "output_padding")
    )
    back = not given.get("transposed", "transpose" in op.name)
    if back:  # rows that the strides skipped at the end
        kernels = zip(x.shape[2:], cotangent.shape[2:], stride, padding, dilation, weight.shape[2:], strict=True)
        extra = [n - ((m - 1) * s - 2 * p + d * (k - 1) + 1) for n, m, s, p, d, k in kernels]
    elif any(e >= s for e, s in zip(extra, stride, strict=True)):
        return None
    skipped = extra if back else [0] * len(extra)
    options = (stride, padding, dilation, back, skipped, given["groups"])
    return (torch.ops.aten.convolution(cotangent, weight, None, *options),)


def _transposed_cat(op: Op, params: Params, inputs: Inputs, cotangent: Tensor) -> Inputs | None:
    """`J^T cotangent` of a concatenation of different signals of one type: vjp records it again, and a slice for each
    part; None for the rare forms and for other operators."""
    del params
    if op.name != "cat" or len((given := arguments(op.node))["tensors"]) != len(inputs):
        return None
    if any((x.ndim, x.dtype) != (cotangent.ndim, cotangent.dtype) for x in inputs):
        return None
    return cotangent.split_with_sizes([x.shape[given["dim"]] for x in inputs], given["dim"])


HALF = frozenset({torch.float16, torch.bfloat16})

FAMILIES = frozenset({"convolution", "dense", "batch norm", "residual"})
"""All that `Op.family` may be."""


def op_of(node: fx.Node, signals: Set[fx.Node], nonnegative: Set[fx.Node], gates: Mapping[fx.Node, int]) -> Op:
    """`node` as a pure function of the signals among its arguments."""
    inputs = tuple(n for n in node.all_input_nodes if n in signals)
    named = list(_named_nodes(node))
    roles = {role: n for role, n in named if n not in signals}
    given = {role for role, n in named if n in signals}
    return Op(
        node,
        node.target,  # type: ignore[arg-type]
        node.args,
        node.kwargs,
        roles,
        inputs,
        _kind(kind_of_node(node), given),
        tuple(n in nonnegative for n in inputs),
        tuple(gates.get(n, 0) for n in inputs),
        len(given),
    )


def _kind(kind: str | None, signals: Set[str]) -> str | None:
    """What an operator of this kind is in these of its arguments."""
    if kind == "division":
        return kind if len(signals) > 1 else "sum" if "self" in signals else "activation"
    if kind in ("gate", "bilinear") and len(signals) == 1:
        return "sum"  # linear in one signal
    if kind == "linear" and len(signals) > 1:
        return "bilinear" if "bias" not in signals else None
    only = SIGNALS.get(kind or "")
    if only is not None:
        return only[1] if signals <= only[0] else None
    return kind


SIGNALS: Mapping[str, tuple[Set[str], str]] = {
    "lerp": ({"self", "end"}, "sum"),
    "resampling": ({"input"}, "sum"),
    "grouped": ({"self", "input"}, "linear"),
}
"""Kinds that are what stands on the right only as functions of the arguments on the left."""
