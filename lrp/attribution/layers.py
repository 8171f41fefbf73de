"""Methods that look at one layer: Grad-CAM, and guided Grad-CAM."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx
from torch.nn import functional

from lrp.attribution.methods import Explain, method
from lrp.explain.one_call import Explainer
from lrp.explain.target import Target, seed_of
from lrp.graph.graph import Graph, computed

LINEAR = ("linear", "bilinear", "trilinear")
"""How a map is enlarged, by the number of its axes."""


@method
def grad_cam(
    source: Explainer | Graph,
    layer: str,
    *,
    relu: bool = True,
    mode: str | None = None,
    of: str | int | None = None,
):
    """relu(sum_k a_k A_k), a_k = mean over places of d output_target / d A_k, at a layer's output A, enlarged to the
    input's size (Selvaraju et al. 2017, arXiv:1610.02391). One channel: `(batch, 1, height, width)`.

    Args:
        source: An explainer, or a graph from `lrp.trace`.
        layer: Its module path (`layer4`), the output of which is `(batch, channel, *places)`.
        mode: How to enlarge, as in `torch.nn.functional.interpolate`: "nearest", ... Default: linear in each axis.
        of: Which of several inputs the layer sees, by its key or number: the map has its size.

    Raises:
        KeyError: The graph has no such layer, or the model no such input.
        ValueError: The layer's output has no places, or other ones than the input; or there are several inputs.

    Example:
        >>> import torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(),
        ...                             torch.nn.Linear(64, 2)).eval()
        >>> output, attribution = grad_cam(lrp.trace(model, torch.zeros(1, 1, 6, 6)), "1")(torch.randn(5, 1, 6, 6))
        >>> attribution.shape
        torch.Size([5, 1, 6, 6])
    """
    graph = source.program.graph if isinstance(source, Explainer) else source
    node = graph.find(layer)
    if len(node.meta["val"].shape) < 3:
        raise ValueError(
            f"layer {layer!r} gives {tuple(node.meta['val'].shape)}, Grad-CAM needs (batch, channel, *places)"
        )

    def run(x: Any, target: Target = None) -> tuple[Tensor, Tensor]:
        output, activation, gradient = at_layer(graph, node, x, target)
        seen = one_of(x, of)
        if seen.ndim != activation.ndim:
            raise ValueError(
                f"layer {layer!r} gives {tuple(activation.shape)}, whose places are not those of the input "
                f"{tuple(seen.shape)}"
            )
        weights = gradient.flatten(2).mean(2).reshape(*activation.shape[:2], *[1] * (activation.ndim - 2))
        cam = (weights * activation).sum(1, keepdim=True)
        how = mode or LINEAR[seen.ndim - 3]
        aligned: dict[str, Any] = {"align_corners": False} if how not in ("nearest", "nearest-exact", "area") else {}
        cam = functional.interpolate(cam.relu() if relu else cam, tuple(seen.shape[2:]), mode=how, **aligned)
        return output, cam

    return run


def one_of(x: Any, of: Any) -> Tensor:
    """One of several inputs, or the part of an attribution that is its.

    Raises:
        ValueError: There are several, and none is named.
        KeyError: There is none of this name.
    """
    if isinstance(x, Tensor) and of is None:
        return x
    names: list[Any] = list(x) if isinstance(x, dict) else list(range(len(x))) if isinstance(x, tuple) else []
    if of is None:
        raise ValueError(f"the model has the inputs {', '.join(map(repr, names))}: say of= which the layer sees")
    if of not in names:
        raise KeyError(f"there is no input {of!r}, only {', '.join(map(repr, names)) or 'one, without a name'}")
    return x[of]


@method
def guided_grad_cam(
    source: Explainer | Graph, layer: str, *, guided: Explain, mode: str = "nearest", of: str | int | None = None
):
    """Guided backpropagation times Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391).

    Args:
        guided: The first factor: an explainer of the same model by `lrp.composites.guided_backprop()`; any other
            method makes a variant of it.
        of: Which of several inputs the layer sees; the attribution is that input's.
    """
    cam = grad_cam(source, layer, mode=mode, of=of)

    def run(x: Any, target: Target = None) -> tuple[Tensor, Tensor]:
        output, attribution = guided(x, target)
        return output, one_of(attribution, of) * cam(x, seed_of(output, target))[1]

    return run


def at_layer(graph: Graph, node: fx.Node, x: Any, target: Target) -> tuple[Tensor, Tensor, Tensor]:
    """Output, a node's activation, and the gradient of the output's target by it."""
    nodes = list(graph.fx.nodes)
    border = nodes.index(node) + 1
    env = computed(nodes[:border], graph.given(graph.params, x))

    def rest(activation: Tensor) -> Tensor:
        return computed(nodes[border:], env | {node: activation})[graph.output]

    output, pullback, *_ = torch.func.vjp(rest, env[node])
    return output, env[node], pullback(seed_of(output, target))[0]
