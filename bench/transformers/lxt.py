"""`lxt`: the same relevance as LXT's, in an environment of its own (`nox -s lxt`): transformers 4.52, LXT 2.1.

LXT patches classes of modules for the whole process; it is asked of a copy of the weights in a process of its own, and
relevance is input times gradient of the logit, which it starts with.
"""

from __future__ import annotations

import importlib
import json
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
from lrp.composites import attn_lrp, cp_lrp

MODULES = {
    "bert": "bert", "bert, masked": "bert", "gpt2": "gpt2", "llama": "llama", "qwen2": "qwen2", "qwen3": "qwen3",
    "gemma3": "gemma3",
}  # fmt: skip
"""Families that LXT supports -> the module of transformers that it patches."""
WITHOUT = {("bert", "cp_LRP"), ("bert, masked", "cp_LRP")}
"""What LXT does not have."""
COMPOSITES = {"attnLRP": attn_lrp, "cp_LRP": cp_lrp}
LIMIT = 2e-7


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
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "relevance.pt"
        code = f"from bench.transformers.lxt import by_lxt; by_lxt(*{json.dumps([family, kind, str(out)])})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        if done.returncode:
            return f"{family:16} {kind:8} not run: {done.stderr.strip().splitlines()[-1][:150]}"
        theirs = torch.load(out, weights_only=True)["relevance"]
    apart = float((own - theirs).abs().max() / theirs.abs().max())
    return f"{family:16} {kind:8} {'alike' if apart < LIMIT else 'apart'}  {apart:.0e} of the largest"


def run(names: Sequence[str]) -> Iterator[str]:
    """A line a family and composite."""
    for family in names or MODULES:
        for kind in COMPOSITES:
            if (family, kind) not in WITHOUT:
                yield measure(family, kind)
