"""Lookups that are written otherwise: one-hot codes, and bags of embeddings."""

from __future__ import annotations

import torch
from torch import fx

from lrp._torch import fixed_size
from lrp.graph.aten import arguments, operator_name
from lrp.graph.graph import Graph, is_floating
from lrp.graph.rewriting import Builder, rewrite

aten = torch.ops.aten


def one_lookup(graph: Graph) -> Graph:
    """Write one-hot codes of integers as a lookup in the identity, and `embedding_bag` as an embedding and its sum."""
    return rewrite(graph, _spelled) if any(map(_is_candidate, graph.fx.nodes)) else graph


def _is_candidate(node: fx.Node) -> bool:
    name = operator_name(node.target) if node.op == "call_function" else ""
    return name in ("_embedding_bag", "embedding_bag") or (name in CASTS and is_floating(node.meta["val"]))


CASTS = ("_to_copy", "to")
REDUCED = (aten.sum.dim_IntList, aten.mean.dim, aten.amax.default)
"""What becomes of a bag, by its mode."""


def _spelled(builder: Builder, node: fx.Node) -> fx.Node | None:
    if not _is_candidate(node):
        return None
    return (_one_hot if operator_name(node.target) in CASTS else _bag)(builder, node)


def _one_hot(builder: Builder, node: fx.Node) -> fx.Node | None:
    """`(ids[..., None] == arange(n)).to(float)`: row `ids` of the identity."""
    source = node.args[0]
    while isinstance(source, fx.Node) and operator_name(source.target) in CASTS:
        source = source.args[0]
    if not isinstance(source, fx.Node) or operator_name(source.target) != "eq" or len(source.args) != 2:
        return None
    ids, numbers = source.args
    if not isinstance(ids, fx.Node) or operator_name(ids.target) != "unsqueeze" or not isinstance(numbers, fx.Node):
        return None
    from_zero = (
        operator_name(numbers.target) == "arange" and isinstance(numbers.args[0], int) and len(numbers.args) == 1
    )
    if not from_zero or is_floating(ids.meta["val"]) or ids.args[1] not in (-1, ids.meta["val"].ndim - 1):
        return None
    value = node.meta["val"]
    codes = builder.call(aten.eye.default, numbers.args[0], dtype=value.dtype, device=value.device, like=node)
    return builder.call(aten.embedding.default, codes, builder.env[ids.args[0]], like=node)  # type: ignore[index]


def _bag(builder: Builder, node: fx.Node) -> fx.Node | None:
    """A bag for each row of a matrix of indices, which PyTorch lays out one behind the other first."""
    given = arguments(node)
    flat, offsets = given["indices"], given["offsets"]
    weighed = given["per_sample_weights"] is not None or given.get("padding_idx", -1) != -1
    if weighed or operator_name(flat.target) not in ("reshape", "view") or operator_name(offsets.target) != "arange":
        return None
    ids, steps = flat.args[0], arguments(offsets)
    length = ids.meta["val"].shape[-1]
    if ids.meta["val"].ndim != 2 or steps.get("start", 0) != 0 or steps.get("step", 1) != fixed_size(length):
        return None
    found = builder.call(aten.embedding.default, builder.env[given["weight"]], builder.env[ids], like=node)
    return builder.call(REDUCED[given["mode"]], found, [1], like=node)
