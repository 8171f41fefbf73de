"""The two rules that change nothing: pass_through and exact."""

from __future__ import annotations

from torch import Tensor

from lrp.graph.op import Inputs, Op, Params
from lrp.graph.operators import has
from lrp.rules.rule import Rule, Shares, factory, never


@factory
def pass_through() -> Rule:
    """R_i = R_i of the output, element by element: activations. Conserves exactly."""

    def propagate(op: Op, weights: Params, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        del weights, output
        if inputs[0].shape != relevance.shape:
            raise ValueError(f"pass_through needs an output of the input's shape, {op.name} changes it")
        return (relevance, *[None] * (len(inputs) - 1))

    return Rule(propagate, unchanged=lambda op: has(op.name, "relu"), drops=never)


@factory
def exact() -> Rule:
    """R = J^T R: values that are only moved, selected, copied or cropped carry their relevance along.

    For the other operators this is the gradient's rule.
    """

    def propagate(op: Op, weights: Params, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        del output
        return op.transpose(weights, inputs, relevance)

    return Rule(
        propagate,
        unchanged=lambda op: op.kind in ("movement", "winner") or has(op.name, "relu"),
        drops=lambda op: op.kind == "activation",
    )
