"""Who is measured: the plain gradient, ours, Zennit and Captum, each as a function without arguments."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import lrp
from bench.networks import network
from lrp.explain.pieces import split

MODELS = ["vgg16", "vgg16_bn", "resnet50", "densenet121", "efficientnet_b0", "convnext_tiny", "vit_b_16"]
COMPOSITES = ["epsilon_gamma_box", "epsilon_plus", "epsilon_alpha2_beta1_flat"]
CLASS, SIZE = 3, 224
Run = Callable[[], Any]


class Case(NamedTuple):
    """What is explained: a model of torchvision by a composite, a batch of random images, where."""

    model: str
    composite: str
    batch: int
    device: str


def images(batch: int, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Tensor:
    """Random images; a batch begins with the smaller one."""
    return torch.randn(batch, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1)).to(device, dtype)


def seeds(batch: int, device: str = "cpu") -> Tensor:
    """One for the class that is explained, of each image."""
    return torch.eye(1000, device=device)[CLASS].expand(batch, -1).contiguous()


def rows(composite: str) -> lrp.Composite:
    """Our composite, with bounds that hold the images."""
    box = {"low": -5.5, "high": 5.5} if composite == "epsilon_gamma_box" else {}
    return lrp.composites.COMPOSITES[composite](**box)


def gradient(model: nn.Module, x: Tensor, seed: Tensor) -> Run:
    """Forward and backward pass, of the input alone."""

    def run() -> Tensor:
        leaf = x.clone().requires_grad_()
        return torch.autograd.grad(model(leaf), leaf, seed)[0]

    return run


def zennit(model: nn.Module, x: Tensor, seed: Tensor, composite: str, name: str) -> Run | None:
    """Zennit where it has a canonizer for the model."""
    from zennit.attribution import Gradient
    from zennit.composites import COMPOSITES as PEERS
    from zennit.torchvision import ResNetCanonizer, VGGCanonizer

    canonizer = {"vgg": VGGCanonizer, "resnet": ResNetCanonizer}.get(name.rstrip("0123456789_bn"))
    if canonizer is None:
        return None
    box = {"low": torch.full_like(x, -5.5), "high": torch.full_like(x, 5.5)} if composite == COMPOSITES[0] else {}
    attributor = Gradient(model=model, composite=PEERS[composite](**box, canonizers=[canonizer()]))

    def run() -> Tensor:
        with attributor as active:
            found: Any = active(x, seed)
            return found[1]

    return run


def captum(model: nn.Module, x: Tensor, composite: str) -> Run | None:
    """Captum's LRP with its nearest rules; it has no box, no flat rule and no alpha2-beta1, and runs plain chains."""
    from captum.attr import LRP
    from captum.attr._utils.lrp_rules import Alpha1_Beta0_Rule, EpsilonRule, GammaRule

    rules = {"epsilon_gamma_box": GammaRule, "epsilon_plus": Alpha1_Beta0_Rule}
    if composite not in rules:
        return None
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.rule = rules[composite]() if isinstance(module, nn.Conv2d) else EpsilonRule()  # type: ignore[assignment]
    method = LRP(model)
    try:
        method.attribute(x[:1], target=CLASS)
    except Exception:
        return None  # modules used twice, functional calls: "where it can"
    return lambda: method.attribute(x, target=CLASS)


def model_of(name: str, device: str = "cpu", dtype: torch.dtype = torch.float32) -> nn.Module:
    return network(name, images(4), device, dtype)


def parts(case: Case) -> tuple[nn.Module, Tensor, Tensor]:
    """`(model, x, seed)`."""
    return model_of(case.model, case.device), images(case.batch, case.device), seeds(case.batch, case.device)


def explained(case: Case) -> tuple[lrp.Explainer, Tensor]:
    """`(explainer, x)`."""
    model, x, _ = parts(case)
    return lrp.explainer(model, x, rows(case.composite)), x


def _gradient(case: Case) -> Run:
    return gradient(*parts(case))


def _gradient_channels_last(case: Case) -> Run:
    last: Any = {"memory_format": torch.channels_last}
    model, x, seed = parts(case)
    return gradient(model.to(**last), x.to(**last), seed)


def _gradient_in_pieces(case: Case) -> Run:
    explain, x = explained(case)
    model, _, seed = parts(case)
    pieces: Any = split(explain.program.graph, x, seed, explain.samples_at_once)
    runs = [gradient(model, *piece) for piece in pieces]
    return lambda: [run() for run in runs]


def _gradient_compiled(case: Case) -> Run:
    model, x, seed = parts(case)
    compiled: Any = torch.compile(model.requires_grad_(False))  # or its backward pass makes the weights' gradients too
    return gradient(compiled, x, seed)


def _bare(case: Case) -> Run:
    """One call in a program of the user's own, of which nothing is changed."""
    explain, x = explained(case)
    return lambda: explain(x, CLASS)


def _ours(case: Case) -> Run:
    """As the commands and `attribute_dataset` do it."""
    return lrp.process.memory_kept()(_bare(case))


def _ours_compiled(case: Case) -> Run:
    explain, x = explained(case)
    fast = lrp.Explainer(explain.program.compiled(), explain.weights)
    return lrp.process.memory_kept()(lambda: fast(x, CLASS))


def _zennit(case: Case) -> Run | None:
    return zennit(*parts(case), case.composite, case.model)


def _captum(case: Case) -> Run | None:
    model, x, _ = parts(case)
    return captum(model, x, case.composite)


CONTESTANTS: dict[str, Callable[[Case], Run | None]] = {
    "gradient": _gradient,
    "gradient channels last": _gradient_channels_last,
    "gradient in pieces": _gradient_in_pieces,
    "ours": _ours,
    "ours, bare call": _bare,
    "Zennit": _zennit,
    "Captum": _captum,
    "gradient compiled": _gradient_compiled,
    "ours compiled": _ours_compiled,
}
"""What makes each one's run; None where a peer cannot."""


def setup(case: Case) -> float:
    """Seconds from a model to an explainer: trace, canonize, relprop, prepare."""
    model, x, _ = parts(case)
    start = time.perf_counter()
    lrp.explainer(model, x, rows(case.composite))
    return time.perf_counter() - start
