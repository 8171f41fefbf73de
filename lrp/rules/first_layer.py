"""Rules for the first linear layer, where inputs are pixels: a box, or no look at the input at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from lrp.graph.op import Inputs, Op, Params
from lrp.rules.rule import Part, Rule, Term, factory, from_terms
from lrp.rules.stabilizer import Stabilize
from lrp.rules.weights import (
    ZeroParams,
    bare,
    mapped,
    mixes_all_channels,
    negative_part,
    paired,
    parts_of,
    positive_part,
    total_of,
    zeroed,
)


@factory
def z_box(
    low: float | Tensor, high: float | Tensor, stabilizer: Stabilize = 1e-6, zero_params: ZeroParams = None
) -> Rule:
    """LRP-zB for inputs in a box: n_ij = w_ij x_i - w_ij+ l_i - w_ij- h_i (Montavon et al. 2017, Eq. 17).

    Args:
        low, high: Bounds of the input as the model sees it, after normalization: `(0 - mean) / std` and
            `(1 - mean) / std`; numbers or tensors that broadcast to `(batch, channel, height, width)`.

    The bias cancels: D_j = sum_i n_ij >= 0 inside the box. Written as w+ (x - l) + w- (x - h), whose terms are all of
    one sign there.

    Raises:
        ValueError: low exceeds high.
    """
    if torch.any(torch.as_tensor(low) > torch.as_tensor(high)):
        raise ValueError(f"low must not exceed high, got {low=}, {high=}")

    def prepare(op: Op, params: Params) -> tuple[Any, ...]:
        kept = bare(zeroed(params, zero_params))
        bounds = [torch.as_tensor(b, dtype=kept["weight"].dtype, device=kept["weight"].device) for b in (low, high)]
        return paired(op, mapped(kept, positive_part), mapped(kept, negative_part)), *bounds

    def terms(op: Op, weights: tuple[Any, ...], inputs: Inputs, output: Tensor) -> list[Term]:
        del output
        pair, least, most = weights
        parts = parts_of(op, pair, inputs[0] - least, inputs[0] - most)
        return [Term(parts, total_of(op, parts))]

    return replace(from_terms(terms, stabilizer, prepare), bounds=(low, high))


def _input_independent(
    modify: Callable[[Tensor], Tensor], stabilizer: Stabilize, bias: bool, names: ZeroParams, alike: bool = False
) -> Rule:
    """R_i = sum_j v_ij R_j / stab(sum_i v_ij) with v = modify(w), whatever the input; `alike` where v_ij is for all j
    the same, so that one channel of the output stands for all."""

    def prepare(op: Op, params: Params) -> Params:
        modified = mapped(zeroed(params, names), modify, bias)
        return mapped(modified, lambda v: v[:1]) if alike and mixes_all_channels(op) else modified

    def terms(op: Op, weights: Params, inputs: Inputs, output: Tensor) -> list[Term]:
        del output
        # the same for every sample, so one sample's worth is enough
        ones = tuple(torch.ones_like(a[:1]) for a in inputs)
        part = Part(weights, tuple(torch.ones_like(a) for a in inputs))
        return [Term([part], op(weights, *ones), alike=alike and mixes_all_channels(op))]

    return from_terms(terms, stabilizer, prepare)


@factory
def flat(stabilizer: Stabilize = 1e-6) -> Rule:
    """LRP-flat: R_i = sum_j R_j / n_j over the n_j inputs that are connected to j (Lapuschkin et al. 2019).

    The padding of a convolution is no input and does not count (doi:10.1038/s41467-019-08987-4).
    """
    return _input_independent(torch.ones_like, stabilizer, bias=False, names=None, alike=True)


@factory
def w_square(stabilizer: Stabilize = 1e-6, zero_params: ZeroParams = None, bias: bool = False) -> Rule:
    """LRP-w2: R_i = sum_j w_ij^2 / sum_i w_ij^2 R_j (Montavon et al. 2017, Eq. 12).

    Args:
        bias: Count b_j^2 in the denominator, as Zennit does; it then absorbs its share. The paper has no bias.
    """
    return _input_independent(torch.square, stabilizer, bias, zero_params)
