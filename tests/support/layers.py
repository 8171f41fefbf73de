"""The table of layers, each traced once, as bare operators with their explicit matrices."""

from dataclasses import replace
from functools import cache

import torch
from torch import nn

import lrp
from lrp.graph.facts import facts
from lrp.testing import Layer

CONVOLUTIONS = [nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d]
LAYERS = [Layer(nn.Linear), Layer(nn.Linear, bias=False)] + [
    Layer(kind, bias=bias, **options)
    for kind in CONVOLUTIONS
    for bias, options in [
        (True, {}),
        (False, {}),
        (True, {"groups": 2}),
        (True, {"stride": 2}),
        (False, {"dilation": 2}),
        (True, {"groups": 2, "stride": 2, "dilation": 2}),
    ]
]


def name(layer):
    words = [layer.kind.__name__, *(f"{k}{getattr(layer, k)}" for k in ("groups", "stride", "dilation"))]
    return "-".join(words + (["bias"] if layer.bias else []))


@cache
def operator(layer):
    """The layer as (op, params): traced, so that what is tested is what runs."""
    graph = lrp.trace(layer.make(), layer.input())
    op = facts(graph).op(graph.output)
    return op, {role: graph.params[node.meta["param"]] for role, node in op.roles.items()}


@cache
def matrix(layer):
    """(W, b) with `layer(x) = W x + b` on flattened x."""
    module, zero = layer.make(), torch.zeros_like(layer.input(batch=1))
    with torch.no_grad():
        b = module(zero).flatten()
    jacobian = torch.autograd.functional.jacobian(lambda x: module(x).flatten(), zero)
    return jacobian.reshape(len(b), -1), b


def propagate(rule, layer, x, relevance, **known):
    """The rule's answer; `known` are facts: nonnegative, cut."""
    op, params = operator(layer)
    op = replace(op, **known)
    (result,) = rule.propagate(op, rule.prepare(op, params), (x,), op(params, x), relevance)
    return result
