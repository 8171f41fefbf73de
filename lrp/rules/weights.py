"""What rules do to the weights of a layer: parts of one sign, weights for two inputs at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from lrp.graph.aten import arguments
from lrp.graph.op import Op, Params
from lrp.graph.operators import has
from lrp.rules.rule import Part, channels

ZeroParams = str | Iterable[str] | None


def zeroed(params: Params, names: ZeroParams) -> Params:
    """`params` with those of `names` taken as zero; a bias is left out altogether."""
    chosen = {names} if isinstance(names, str) else set(names or ())
    kept = {k: v for k, v in params.items() if k != "bias" or k not in chosen}
    return {k: torch.zeros_like(v) if k in chosen else v for k, v in kept.items()}


def mapped(params: Params, function: Callable[[Tensor], Tensor], bias: bool = True) -> Params:
    """Weight and bias under `function`; without bias where a term carries none."""
    return {k: function(v) for k, v in params.items() if bias or k != "bias"}


def bare(params: Params) -> Params:
    return {k: v for k, v in params.items() if k != "bias"}


def positive_part(x: Tensor) -> Tensor:
    return x.relu()


def negative_part(x: Tensor) -> Tensor:
    return x.clamp(max=0)


Pair = tuple[Params, ...]
"""Weights for two inputs: of both stacked along the channels where the operator allows it, so that one call does for
both; else one after the other."""


def mixes_all_channels(op: Op) -> bool:
    """Whether the weight's axes are (output channel, input channel, ...) and every one reads all."""
    return has(op.name, "mixes") and arguments(op.node).get("groups", 1) == 1


def paired(op: Op, first: Params, second: Params) -> Pair:
    if mixes_all_channels(op):
        return ({**first, "weight": torch.cat([first["weight"], second["weight"]], 1)},)
    return first, bare(second)


def parts_of(op: Op, pair: Pair, x: Tensor, y: Tensor) -> list[Part]:
    """The contributions of `x` by the first weights and of `y` by the second."""
    if len(pair) == 1:
        return [Part(pair[0], (torch.cat([x, y], channels(op)),), stacked=channels(op))]
    return [Part(pair[0], (x,)), Part(pair[1], (y,))]


def total_of(op: Op, parts: list[Part]) -> Tensor:
    first, *others = (op(part.params, *part.inputs) for part in parts)
    return sum(others, first)
