"""scaled_dot_product_attention(q, k, v) as the two products and the softmax that it is, so that each has its rule."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import fx

from lrp._torch import OpOverload, seen_size
from lrp.graph.aten import arguments, operator_name
from lrp.graph.graph import Graph
from lrp.graph.rewriting import Builder, rewrite

aten = torch.ops.aten


def split_attention(graph: Graph) -> Graph:
    """`softmax(q k^T / sqrt(d) + mask) v` in parts; the factor goes to q."""

    def replacement(builder: Builder, node: fx.Node) -> fx.Node | None:
        if operator_name(node.target) != "scaled_dot_product_attention":
            return None
        return _split(builder, node)

    return rewrite(graph, replacement)


def _split(builder: Builder, node: fx.Node) -> fx.Node:
    def call(target: OpOverload, *args: object) -> fx.Node:
        return builder.call(target, *args, like=node)

    given = arguments(node)
    query, key, value = (builder.env[given[name]] for name in ("query", "key", "value"))
    if given["enable_gqa"]:
        heads = query.meta["val"].shape[-3]
        key, value = (_for_all_heads(call, kept, heads) for kept in (key, value))
    width, length = query.meta["val"].shape[-1], (query.meta["val"].shape[-2], key.meta["val"].shape[-2])
    scale = given["scale"] if given["scale"] is not None else width**-0.5
    logits = call(aten.matmul.default, call(aten.mul.Tensor, query, scale), call(aten.transpose.int, key, -2, -1))
    if given["is_causal"]:
        device = query.meta["val"].device
        seen = builder.call(aten.ones.default, list(length), dtype=torch.bool, device=device, like=node)
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


def _for_all_heads(call: Callable[..., fx.Node], kept: fx.Node, heads: int) -> fx.Node:
    """Keys or values that several heads share, once for each head."""
    each = kept.meta["val"].shape[-3]
    return kept if each == heads else call(aten.repeat_interleave.self_int, kept, heads // each, -3)


def _memory_order(value: torch.Tensor) -> list[int]:
    """Axes from the slowest to the fastest in memory; read from hints, so that no size is tied down."""
    strides = [seen_size(stride) for stride in value.stride()]
    return sorted(range(value.ndim), key=lambda axis: -strides[axis])
