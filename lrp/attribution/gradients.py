"""The gradient, and what follows from it in a line."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lrp.attribution.methods import Explain, Source, method, predictor, unrecorded
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

    def run(x: Tensor, target: Target = None) -> tuple[Tensor, Tensor]:
        with unrecorded(source):
            output, pullback, *_ = torch.func.vjp(predict, x)
            return output, pullback(seed_of(output, target))[0]

    return run


@method
def input_x_gradient(source: Source):
    """x * gradient (Shrikumar et al. 2016, arXiv:1605.01713); of an explainer, x times its attribution."""
    explain = as_explain(source)

    def run(x: Tensor, target: Target = None) -> tuple[Tensor, Tensor]:
        output, attribution = explain(x, target)
        return output, x * attribution

    return run


def as_explain(source: Source) -> Explain:
    """A model's gradient; everything else explains by itself."""
    return gradient(source) if isinstance(source, nn.Module) else source  # type: ignore[return-value]
