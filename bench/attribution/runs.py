"""Who is measured: the plain gradient, ours, Zennit and Captum, each as a function without arguments."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import lrp
from lrp._torchvision import torchvision
from lrp.pieces import split

MODELS = ["vgg16", "vgg16_bn", "resnet50", "densenet121", "efficientnet_b0", "convnext_tiny", "vit_b_16"]
COMPOSITES = ["epsilon_gamma_box", "epsilon_plus", "epsilon_alpha2_beta1_flat"]
CLASS, SIZE = 3, 224
Run = Callable[[], Any]


def network(name: str, device: str = "cpu", dtype: torch.dtype = torch.float32) -> nn.Module:
    """A model of torchvision with random weights, the same ones each time; no layer of zeros, as a new ViT has."""
    torch.manual_seed(0)
    model = torchvision().models.get_model(name, weights=None).eval()
    for value in model.parameters():
        if value.ndim > 1 and not value.any():
            torch.nn.init.normal_(value, std=0.02)
    return model.to(device, dtype)


def images(batch: int, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Tensor:
    """Random images; a batch begins with the smaller one."""
    return torch.randn(batch, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1)).to(device, dtype)


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


def contestants(
    name: str, composite: str, batch: int, device: str = "cpu", compile: bool = False, peers: bool = True
) -> tuple[dict[str, Run], float]:
    """Each by its name, and the seconds of our setup: trace, canonize, relprop, prepare."""
    model, x = network(name, device), images(batch, device)
    seed = torch.zeros(batch, 1000, device=device)
    seed[:, CLASS] = 1.0
    start = time.perf_counter()
    explain = lrp.explainer(model, x, rows(composite))
    setup = time.perf_counter() - start
    last = torch.channels_last
    pieces = [gradient(model, *part) for part in split(explain.program.graph, x, seed, explain.samples_at_once)]  # type: ignore[arg-type]
    runs: dict[str, Run | None] = {
        "gradient": gradient(model, x, seed),
        "gradient channels last": gradient(copy.deepcopy(model).to(memory_format=last), x.to(memory_format=last), seed),  # pyright: ignore[reportCallIssue]
        "gradient in pieces": lambda: [run() for run in pieces],
        "ours": lambda: explain(x, CLASS),
    }
    if compile:
        torch._dynamo.reset()
        fast = lrp.Explainer(explain.program.compiled(), explain.weights)
        runs["ours compiled"] = lambda: fast(x, CLASS)
        compiled: Any = torch.compile(model)
        runs["gradient compiled"] = gradient(compiled, x, seed)
    if peers:
        runs["Zennit"] = zennit(network(name, device), x, seed, composite, name)
        runs["Captum"] = captum(network(name, device), x, composite)
    return {who: run for who, run in runs.items() if run is not None}, setup
