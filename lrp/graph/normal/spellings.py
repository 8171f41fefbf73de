"""Operators that are several in one: sums with products, norms with computed scales, linear layers in disguise.

Relevance is shared by what an operator does. One that multiplies *and* adds (`baddbmm`) has no share that is right for
both, so it becomes a product and a sum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import fx

from lrp.graph.aten import Item, arguments, operator_name
from lrp.graph.facts import Facts, facts, of_one_shape
from lrp.graph.graph import Graph
from lrp.graph.rewriting import Builder, rewrite

aten = torch.ops.aten


def one_spelling(graph: Graph) -> Graph:
    """Write every operator of `SPELLINGS` in the way that the rules expect."""
    if not any(operator_name(node.target) in SPELLINGS for node in graph.fx.nodes if node.op == "call_function"):
        return graph
    known = facts(graph)

    def replacement(builder: Builder, node: fx.Node) -> fx.Node | None:
        spell = SPELLINGS.get(operator_name(node.target)) if node.op == "call_function" else None
        return spell(Call(builder, node), known) if spell is not None and node in known.signals else None

    return rewrite(graph, replacement)


class Call:
    """The copy of one old node: its old arguments, and calls that stand in its place."""

    def __init__(self, builder: Builder, node: fx.Node) -> None:
        self.builder, self.node, self.given = builder, node, arguments(node)

    def __call__(self, target: Any, *args: Any, **kwargs: Any) -> fx.Node:
        return self.builder.call(target, *args, like=self.node, **kwargs)

    def new(self, role: str) -> Any:
        """An argument, as a node of the copy where it is one."""
        value = self.given[role]
        return self.builder.env[value] if isinstance(value, fx.Node) else value

    def scaled(self, value: Any, factor: Any) -> Any:
        return value if factor == 1 else self(aten.mul.Tensor, value, factor)


def _sum_and_product(product: Any, one: str, other: str) -> Callable[[Call, Facts], fx.Node | None]:
    """`beta * self + alpha * (one @ other)`."""

    def spell(call: Call, known: Facts) -> fx.Node | None:
        signals, weight = known.signals, call.given[other]
        plain = call.given["beta"] == 1 and call.given["alpha"] == 1 and weight.meta["val"].ndim == 2
        bias = call.given["self"]
        vector = tuple(bias.meta["val"].shape) == tuple(weight.meta["val"].shape[1:])
        if plain and vector and {weight, bias} <= known.static and call.given[one] in signals:
            return call(aten.linear.default, call.new(one), call(aten.t.default, call.new(other)), call.new("self"))
        value = call.scaled(call(product, call.new(one), call.new(other)), call.given["alpha"])
        if call.given["beta"] == 0:
            return value
        return call(aten.add.Tensor, call.scaled(call.new("self"), call.given["beta"]), value)

    return spell


def _dense(call: Call, known: Facts) -> fx.Node | None:
    """A signal times a constant matrix is a dense layer."""
    one, other = call.given["self"], call.given.get("other", call.given.get("mat2"))
    if one not in known.signals or other not in known.static or other.meta["val"].ndim != 2:
        return None
    return call(aten.linear.default, call.builder.env[one], call(aten.t.default, call.builder.env[other]), None)


def _batch_norm(call: Call, known: Facts) -> fx.Node | None:
    """Instance norm by running statistics is batch norm."""
    del known
    if call.given["use_input_stats"]:
        return None
    names = ("input", "weight", "bias", "running_mean", "running_var")
    return call(aten.batch_norm.default, *map(call.new, names), False, 0.0, call.given["eps"], False)


def _without_affine(axis: int | None) -> Callable[[Call, Facts], fx.Node | None]:
    """A norm whose weight or bias is a signal (adaptive normalization) is a norm, a product and a sum."""

    def spell(call: Call, known: Facts) -> fx.Node | None:
        affine = [role for role in ("weight", "bias") if call.given.get(role) in known.signals]
        if not affine or isinstance(call.node.target, Item):
            return None
        rest = {role: None if role in ("weight", "bias") else call.new(role) for role in call.given}
        value = call(call.node.target, *rest.values())
        for role, target in (("weight", aten.mul.Tensor), ("bias", aten.add.Tensor)):
            if call.given.get(role) is not None:
                value = call(target, value, _on_axis(call, call.new(role), axis))
        return value

    return spell


def _on_axis(call: Call, vector: fx.Node, axis: int | None) -> fx.Node:
    if axis is None:
        return vector
    return call(aten.view.default, vector, [-1, *[1] * (call.node.meta["val"].ndim - 1 - axis)])


def _moments(call: Call, known: Facts) -> fx.Node | None:
    """One of the two results of `var_mean` or `std_mean`."""
    del known
    target: Any = call.node.target
    name, index = operator_name(target), target.index if isinstance(target, Item) else 0
    axes, keep = call.given.get("dim"), call.given.get("keepdim", False)
    if index == 1:
        return call(aten.mean.dim, call.new("self"), axes, keep)
    spread = aten.var.correction if name.startswith("var") else aten.std.correction
    correction = call.given.get("correction", 1 if call.given.get("unbiased", True) else 0)
    return call(spread, call.new("self"), axes, correction=correction, keepdim=keep)


def _layer(call: Call, known: Facts) -> fx.Node | None:
    """A layer whose weight is a signal is a product; one whose bias is a signal is a layer and a sum."""
    own_weight, own_bias = (call.given[role] in known.signals for role in ("weight", "bias"))
    dense = operator_name(call.node.target) == "linear"
    if not own_bias and not (own_weight and dense):
        return None
    if own_weight and dense:
        weight = call.new("weight")
        turned = weight if weight.meta["val"].ndim == 1 else call(aten.transpose.int, weight, 0, 1)
        value = call(aten.matmul.default, call.new("input"), turned)
    else:
        value = call(call.node.target, *[None if role == "bias" else call.new(role) for role in call.given])
    if call.given["bias"] is None:
        return value
    return call(aten.add.Tensor, value, _on_axis(call, call.new("bias"), None if dense else 1))


def _lerp(call: Call, known: Facts) -> fx.Node | None:
    """Between two values by a weight that is a signal: `(1 - w) a + w b`."""
    weight = call.new("weight")
    if not isinstance(weight, fx.Node) or call.given["weight"] not in known.signals:
        return None
    rest = call(aten.rsub.Scalar, weight, 1)
    one, other = call(aten.mul.Tensor, rest, call.new("self")), call(aten.mul.Tensor, weight, call.new("end"))
    return call(aten.add.Tensor, one, other)


def _square(call: Call, known: Facts) -> fx.Node | None:
    """`x * x` is no product of two signals."""
    del known
    return call(aten.square.default, call.new("self")) if call.given["self"] is call.given["other"] else None


def _copy(call: Call, known: Facts) -> fx.Node | None:
    """`y.copy_(x)`: x, in the shape and the type of y."""
    del known
    old, new = call.given["self"].meta["val"], call.new("src")
    if new.meta["val"].dtype != old.dtype:
        new = call(aten.to.dtype, new, old.dtype)
    return new if of_one_shape(new.meta["val"], old) else call(aten.expand_as.default, new, call.new("self"))


def _same_type(call: Call, known: Facts) -> fx.Node | None:
    del known
    return call(aten.to.dtype, call.new("self"), call.given["other"].meta["val"].dtype)


SPELLINGS: Mapping[str, Callable[[Call, Facts], fx.Node | None]] = {
    "addmm": _sum_and_product(aten.mm.default, "mat1", "mat2"),
    "baddbmm": _sum_and_product(aten.bmm.default, "batch1", "batch2"),
    "addmv": _sum_and_product(aten.mv.default, "mat", "vec"),
    "mm": _dense,
    "matmul": _dense,
    "mul": _square,
    "instance_norm": _batch_norm,
    "layer_norm": _without_affine(None),
    "rms_norm": _without_affine(None),
    "group_norm": _without_affine(1),
    "var_mean": _moments,
    "std_mean": _moments,
    "linear": _layer,
    "conv1d": _layer,
    "conv2d": _layer,
    "conv3d": _layer,
    "conv_transpose1d": _layer,
    "conv_transpose2d": _layer,
    "conv_transpose3d": _layer,
    "lerp": _lerp,
    "type_as": _same_type,
    "copy": _copy,
}
"""Operators that may stand for others: what writes them so, or returns None where they are what they seem."""
