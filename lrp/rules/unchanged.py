"""The rules that change nothing: pass_through, exact and lookup."""

from __future__ import annotations

from torch import Tensor

from lrp.graph.lookups import axes_looked_up
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


@factory
def lookup() -> Rule:
    """R of an integer = sum over features of R of what it looked up: embeddings. Conserves exactly.

    What is made of integers before they are looked up (an offset added, a bound) passes it on.
    """

    def propagate(op: Op, weights: Params, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        del weights, output
        axes = axes_looked_up(op.node, inputs[0].ndim)
        shared = relevance.sum(axes) if axes else relevance
        if shared.shape != inputs[0].shape:
            raise ValueError(f"lookup needs integers of shape {tuple(shared.shape)}, got {tuple(inputs[0].shape)}")
        return (shared, *[None] * (len(inputs) - 1))

    return Rule(propagate, drops=never)
