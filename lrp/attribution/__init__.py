"""Attribution methods, higher order: a model or an explainer in, `(x, target) -> (output, attribution)` out.

They compose: `smooth_grad(explain)` of an `lrp.explainer` is the SmoothGrad of LRP, `integrated_gradients(model)` the
usual one. All explain one class, never the whole output vector, unless the target says so. Randomness comes from a
generator seeded at each call. `baseline` is a number, a tensor that broadcasts to the input, or a function of it.

The input may be several, a tuple or a dict of tensors as the model takes them, and the attribution has its structure;
the output may have any shape, see `lrp.explain.Target`. A source is a module, an explainer, another method, a function
`f(x)` that predicts, or a function `f(x, target)` that explains.
"""

from lrp.attribution.averages import completeness_error, gradient_shap, integrated_gradients, smooth_grad
from lrp.attribution.differences import deep_lift
from lrp.attribution.gradients import gradient, input_x_gradient
from lrp.attribution.inputs import Baseline
from lrp.attribution.layers import grad_cam, guided_grad_cam
from lrp.attribution.methods import Explain, Method, Predict, Source
from lrp.attribution.table import METHODS
from lrp.attribution.windows import occlusion

__all__ = [
    "METHODS",
    "Baseline",
    "Explain",
    "Method",
    "Predict",
    "Source",
    "completeness_error",
    "deep_lift",
    "grad_cam",
    "gradient",
    "gradient_shap",
    "guided_grad_cam",
    "input_x_gradient",
    "integrated_gradients",
    "occlusion",
    "smooth_grad",
]
