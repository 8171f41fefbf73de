"""Every attribution method by its name: what `lrp --method` reads."""

from __future__ import annotations

from collections.abc import Callable

from lrp.attribution.averages import gradient_shap, integrated_gradients, smooth_grad
from lrp.attribution.differences import deep_lift
from lrp.attribution.gradients import gradient, input_x_gradient
from lrp.attribution.layers import grad_cam, guided_grad_cam
from lrp.attribution.methods import Method
from lrp.attribution.windows import occlusion

METHODS: dict[str, Callable[..., Method]] = {
    make.__name__: make
    for make in (
        gradient,
        input_x_gradient,
        smooth_grad,
        integrated_gradients,
        gradient_shap,
        occlusion,
        deep_lift,
        grad_cam,
        guided_grad_cam,
    )
}
"""Factories `(source, **options) -> Method`; their signatures say what they work on and which options there are."""

OF_NETWORKS = frozenset({"deep_lift", "grad_cam", "guided_grad_cam"})
"""Methods whose source is a traced network, a graph or an explainer, and not any function `(x, target)`."""
