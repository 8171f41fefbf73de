"""The ReLU rules of gradient methods."""

from __future__ import annotations

import torch
from torch import Tensor

from lrp.graph.op import Inputs, Op, Params
from lrp.rules.rule import Rule, Shares, factory


@factory
def relu_deconvnet() -> Rule:
    """R_i = max(R, 0), the ReLU of the deconvnet (Zeiler & Fergus 2014, doi:10.1007/978-3-319-10590-1_53)."""

    def propagate(op: Op, weights: Params, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        del op, weights, inputs, output
        return (relevance.clamp(min=0),)

    return Rule(propagate)


@factory
def relu_guided_backprop() -> Rule:
    """R_i = 1[x > 0] max(R, 0), the ReLU of guided backpropagation (Springenberg et al. 2015, arXiv:1412.6806)."""

    def propagate(op: Op, weights: Params, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        del op, weights, inputs
        return (torch.where(output > 0, relevance.clamp(min=0), 0),)

    return Rule(propagate)


@factory
def relu_beta_smooth(beta_smooth: float = 10.0) -> Rule:
    """R_i = sigmoid(beta x) R, the gradient of a softplus of sharpness beta (Dombrowski et al. 2019, arXiv:1906.07983).

    Its second derivative, unlike the ReLU's, is not zero. Reads the ReLU's input also where the model works in place.
    """

    def propagate(op: Op, weights: Params, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        del op, weights, output
        return (torch.sigmoid(beta_smooth * inputs[0]) * relevance,)

    return Rule(propagate)
