"""scaled_dot_product_attention(q, k, v) as the two products and the softmax that it is, so that each has its rule; or
whole, where a composite has a rule for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import fx

from lrp._torch import OpOverload, fixed_size, seen_size
from lrp.composites.table import Row, Where, select
from lrp.graph.aten import arguments, operator_name
from lrp.graph.facts import facts
from lrp.graph.graph import Graph
from lrp.graph.rewriting import Builder, rewrite

aten = torch.ops.aten


ATTENTION = "scaled_dot_product_attention"


def split_attention(graph: Graph, composite: Iterable[Row] = ()) -> Graph:
    """`softmax(q k^T / sqrt(d) + mask) v` in parts; the factor goes to q.

    Args:
        composite: What it has rows for by name (`("attention", rules.attention())`) is left whole, with keys and values
            for each head. A mask that carries relevance has it split all the same.
    """
    whole = _whole(graph, composite)

    def replacement(builder: Builder, node: fx.Node) -> fx.Node | None:
        if operator_name(node.target) != ATTENTION:
            return None
        return _for_each_head(builder, node) if node in whole else _split(builder, node)

    return rewrite(graph, replacement)


def _whole(graph: Graph, composite: Iterable[Row]) -> set[fx.Node]:
    """The attention that rows fit by name."""
    rows = [match for match, _ in composite if _is_by_name(match)]
    if not rows or not any(operator_name(n.target) == ATTENTION for n in graph.fx.nodes if n.op == "call_function"):
        return set()
    known = facts(graph)
    signals = [known.op(n) for n in graph.fx.nodes if n.op == "call_function" and n in known.signals]
    found = [op.node for match in rows for op in select(match, signals) if op.name == ATTENTION]
    return {node for node in found if arguments(node)["attn_mask"] not in known.signals}


def _is_by_name(match: Any) -> bool:
    """Whether a match says attention, and does not only fit it as it fits others."""
    if isinstance(match, Where):
        return _is_by_name(match.match)
    if isinstance(match, (list, tuple, set, frozenset)):
        return any(map(_is_by_name, match))
    return match in ("attention", ATTENTION)


def _for_each_head(builder: Builder, node: fx.Node) -> fx.Node:
    """Attention whole, of three arguments of their own: a value that is given twice has a role for each."""
    call = _calling(builder, node)
    given = arguments(node)
    inputs = list(_inputs(call, builder, given))
    for place, value in enumerate(inputs):
        if value in inputs[:place]:
            inputs[place] = call(aten.alias.default, value)
    mask = builder.env[given["attn_mask"]] if given["attn_mask"] is not None else None
    options = {"scale": given["scale"], "enable_gqa": False}
    rest = (mask, given["dropout_p"], given["is_causal"])
    return builder.call(node.target, *inputs, *rest, **options, like=node)  # type: ignore[arg-type]


def _calling(builder: Builder, node: fx.Node) -> Callable[..., fx.Node]:
    def call(target: OpOverload, *args: object) -> fx.Node:
        return builder.call(target, *args, like=node)

    return call


def _inputs(call: Callable[..., fx.Node], builder: Builder, given: Mapping[str, Any]) -> tuple[fx.Node, ...]:
    """Query, key and value, the last two for each head."""
    query, key, value = (builder.env[given[name]] for name in ("query", "key", "value"))
    if given["enable_gqa"]:
        heads = query.meta["val"].shape[-3]
        key, value = (_for_all_heads(call, kept, heads) for kept in (key, value))
    return query, key, value


def _split(builder: Builder, node: fx.Node) -> fx.Node:
    call = _calling(builder, node)
    given = arguments(node)
    query, key, value = _inputs(call, builder, given)
    width = query.meta["val"].shape[-1]
    scale = given["scale"] if given["scale"] is not None else width**-0.5
    logits = call(aten.matmul.default, call(aten.mul.Tensor, query, scale), call(aten.transpose.int, key, -2, -1))
    if given["is_causal"]:
        seen = _ones(builder, node, query, key)
        hidden = call(aten.logical_not.default, call(aten.tril.default, seen))
        logits = call(aten.masked_fill.Scalar, logits, hidden, float("-inf"))
    if given["attn_mask"] is not None:
        mask = builder.env[given["attn_mask"]]
        if mask.meta["val"].dtype == torch.bool:
            logits = call(aten.masked_fill.Scalar, logits, call(aten.logical_not.default, mask), float("-inf"))
        else:
            logits = call(aten.add.Tensor, logits, mask)
    attended = call(aten.matmul.default, call(aten.softmax.int, logits, -1), value)
    # the fused kernel lays its answer out in memory in an order of its own, which a view behind it may rely on
    order = _memory_order(node.meta["val"])
    moved, layout = call(aten.permute.default, attended, order), torch.contiguous_format
    copied = builder.call(aten.clone.default, moved, memory_format=layout, like=node)
    return call(aten.permute.default, copied, [order.index(axis) for axis in range(len(order))])


def _ones(builder: Builder, node: fx.Node, query: fx.Node, key: fx.Node) -> fx.Node:
    """True for each query and key: a constant, unless their lengths may vary."""
    lengths = [source.meta["val"].shape[-2] for source in (query, key)]
    if all(fixed_size(length) is not None for length in lengths):
        device = query.meta["val"].device
        return builder.call(aten.ones.default, lengths, dtype=torch.bool, device=device, like=node)
    sizes = [builder.call(aten.sym_size.int, source, -2, like=node) for source in (query, key)]
    return builder.call(aten.new_ones.default, query, sizes, dtype=torch.bool, like=node)


def _for_all_heads(call: Callable[..., fx.Node], kept: fx.Node, heads: int) -> fx.Node:
    """Keys or values that several heads share, once for each head."""
    each = kept.meta["val"].shape[-3]
    return kept if each == heads else call(aten.repeat_interleave.self_int, kept, heads // each, -3)


def _memory_order(value: torch.Tensor) -> list[int]:
    """Axes from the slowest to the fastest in memory; read from hints, so that no size is tied down."""
    strides = [seen_size(stride) for stride in value.stride()]
    return sorted(range(value.ndim), key=lambda axis: -strides[axis])
