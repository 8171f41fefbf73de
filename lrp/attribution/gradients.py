"""The gradient, and what follows from it in a line."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lrp.attribution.inputs import each, moved, numbers
from lrp.attribution.methods import Explain, Source, explains, method, predictor, unrecorded
from lrp.explain.target import Target, seed_of


@method
def gradient(source: Source):
    """d output_target / d x (Simonyan et al. 2014, arXiv:1312.6034).

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(3, 2, bias=False).eval()
        >>> output, attribution = gradient(model)(torch.randn(5, 3), target=1)
        >>> torch.equal(attribution, model.weight[1].detach().expand(5, 3))
        True
    """
    predict = predictor(source)

    def run(x: Any, target: Target = None) -> tuple[Tensor, Any]:
        varied = numbers(x)

        def of_numbers(*values: Tensor) -> Tensor:
            given = iter(values)
            return predict(moved(lambda _: next(given), x))

        with unrecorded(source):
            output, pullback, *_ = torch.func.vjp(of_numbers, *varied)
            found = iter(pullback(seed_of(output, target)))
            return output, each(lambda _: next(found), x)

    return run


@method
def input_x_gradient(source: Source):
    """x * gradient (Shrikumar et al. 2016, arXiv:1605.01713); of an explainer, x times its attribution."""
    explain = as_explain(source)

    def run(x: Any, target: Target = None) -> tuple[Tensor, Any]:
        output, attribution = explain(x, target)
        return output, each(torch.mul, x, attribution)

    return run


def as_explain(source: Source) -> Explain:
    """A model's gradient, of a module or a function `f(x)`; everything else explains by itself."""
    return source if explains(source) else gradient(source)  # type: ignore[return-value]
