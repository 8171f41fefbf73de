"""`lxt`: the same relevance as LXT's, in an environment of its own (`nox -s lxt`): transformers 4.52, LXT 2.1.

LXT patches classes of modules for the whole process; it is asked of a copy of the weights in a process of its own, and
relevance is input times gradient of the logit, which it starts with.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import lrp
from bench.transformers.checks import strongest
from bench.transformers.families import embedded
from bench.transformers.models import FAMILIES
from lrp._torchvision import torchvision
from lrp.composites import attn_lrp, cp_lrp, vit_cp_gamma

MODULES = {
    "bert": "bert", "bert, masked": "bert", "gpt2": "gpt2", "llama": "llama", "qwen2": "qwen2", "qwen3": "qwen3",
    "gemma3": "gemma3",
}  # fmt: skip
"""Families that LXT supports -> the module of transformers that it patches."""
WITHOUT = {("bert", "cp_LRP"), ("bert, masked", "cp_LRP")}
"""What LXT does not have."""
COMPOSITES = {"attnLRP": attn_lrp, "cp_LRP": cp_lrp}
LIMIT = 2e-7
VIT = "torchvision vit"
GAMMAS = ((None, None), (0.25, 0.0), (0.25, 0.05))
"""Of convolutions and of dense layers, or none."""


def by_lxt(family: str, kind: str, out: str) -> None:
    """Write LXT's relevance; run in a process of its own."""
    from lxt.efficient import monkey_patch  # pyright: ignore[reportMissingImports]

    name = MODULES[family]
    module: Any = importlib.import_module(f"transformers.models.{name}.modeling_{name}")
    known = importlib.import_module(f"lxt.efficient.models.{name}")
    monkey_patch(module, getattr(known, kind), verbose=False)
    torch.save({"relevance": _patched(family)}, out)


def _built(family: str) -> Any:
    """Without a cache, whose code in this transformers branches on lengths."""
    model: Any = FAMILIES[family].built()
    model.config.use_cache = False
    return model


def _patched(family: str) -> Tensor:
    model = _built(family)
    x = embedded(model, FAMILIES[family].example(2, 10))
    leaf = x["inputs_embeds"].clone().requires_grad_()
    output = model(**{**x, "inputs_embeds": leaf})[FAMILIES[family].output]
    (output * (strongest(output.detach()) != 0)).sum().backward()
    assert leaf.grad is not None
    return leaf.detach() * leaf.grad


def measure(family: str, kind: str) -> str:
    model = _built(family)
    x = embedded(model, FAMILIES[family].example(2, 10))
    rows = COMPOSITES[kind](epsilon=1e-13)
    own = lrp.explainer(model, x, rows, output=FAMILIES[family].output)(x, strongest).relevance["inputs_embeds"]
    return compared(f"{family:16} {kind:8}", own, "by_lxt", family, kind)


def compared(name: str, own: Tensor, theirs: str, *given: Any) -> str:
    """A line of the table: `theirs` is a function here that writes LXT's relevance to the file it is given last."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "relevance.pt"
        code = f"from bench.transformers.lxt import {theirs}; {theirs}(*{[*given, str(out)]!r})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        if done.returncode:
            return f"{name} not run: {done.stderr.strip().splitlines()[-1][:150]}"
        found = torch.load(out, weights_only=True)["relevance"]
    apart = float((own - found).abs().max() / found.abs().max())
    return f"{name} {'alike' if apart < LIMIT else 'apart'}  {apart:.0e} of the largest"


def _vit() -> tuple[Any, Tensor]:
    """torchvision's vision transformer, small, and images."""
    torch.manual_seed(0)
    sizes = {"image_size": 32, "patch_size": 8, "num_layers": 2, "num_heads": 4, "hidden_dim": 32, "mlp_dim": 64}
    model = torchvision().models.VisionTransformer(**sizes, num_classes=5).eval().double().requires_grad_(False)
    torch.nn.init.normal_(model.heads.head.weight, std=0.1)  # zero in a new one
    return model, torch.randn(2, 3, 32, 32, dtype=torch.float64)


def vit_by_lxt(conv: float | None, linear: float | None, out: str) -> None:
    """As `by_lxt`, of images; gamma is by Zennit's rule as LXT patches it, with a small stabilizer."""
    from lxt.efficient import monkey_patch, monkey_patch_zennit  # pyright: ignore[reportMissingImports]
    from lxt.efficient.models.vit_torch import cp_LRP  # pyright: ignore[reportMissingImports]
    from zennit.composites import LayerMapComposite
    from zennit.rules import Gamma

    model, x = _vit()
    monkey_patch(torchvision().models.vision_transformer, cp_LRP)
    if conv is not None and linear is not None:
        monkey_patch_zennit()
        layers: Any = [
            (torch.nn.Conv2d, Gamma(conv, stabilizer=1e-13)),
            (torch.nn.Linear, Gamma(linear, stabilizer=1e-13)),
        ]
        LayerMapComposite(layers).register(model)
    leaf = x.requires_grad_()
    output = model(leaf)
    (output * (strongest(output.detach()) != 0)).sum().backward()
    assert leaf.grad is not None
    torch.save({"relevance": leaf.detach() * leaf.grad}, out)


def measure_vit(conv: float | None, linear: float | None) -> str:
    model, x = _vit()
    if conv is None or linear is None:
        rows = cp_lrp(epsilon=1e-13)
    else:
        rows = vit_cp_gamma(conv=conv, linear=linear, epsilon=1e-13, projections="epsilon")
    own = lrp.explainer(model, x, rows)(x, strongest).relevance
    gamma = "no gamma" if conv is None else f"gamma {conv}, {linear}"
    return compared(f"{VIT:16} {gamma:16}", own, "vit_by_lxt", conv, linear)


def run(names: Sequence[str]) -> Iterator[str]:
    """A line a family and composite."""
    for family in names or [*MODULES, VIT]:
        if family == VIT:
            yield from (measure_vit(*gammas) for gammas in GAMMAS)
            continue
        for kind in COMPOSITES:
            if (family, kind) not in WITHOUT:
                yield measure(family, kind)
