"""What an explanation costs: times the plain gradient and times Zennit, interleaved in one run, medians.

`python -m bench.attribution --models resnet50 --composites epsilon_plus --batch 8 --compile`; random weights. Setup is
trace + canonize + relprop + prepare. Results go to a JSON file with `--out`.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

import lrp
from lrp._torchvision import torchvision

MODELS = ["vgg16", "vgg16_bn", "resnet50", "densenet121", "efficientnet_b0", "convnext_tiny", "vit_b_16"]
COMPOSITES = ["epsilon_gamma_box", "epsilon_plus", "epsilon_alpha2_beta1_flat"]
Run = Callable[[], Any]


def ours(name: str) -> lrp.Composite:
    box = {"low": -4.0, "high": 4.0} if name == "epsilon_gamma_box" else {}
    return lrp.composites.COMPOSITES[name](**box)


def gradient(model: nn.Module, x: Tensor, seed: Tensor) -> Run:
    def run() -> Tensor:
        leaf = x.clone().requires_grad_()
        return torch.autograd.grad(model(leaf), leaf, seed)[0]

    return run


def zennit(model: nn.Module, x: Tensor, seed: Tensor, composite: str, family: str) -> Run | None:
    """Zennit's attribution where it has a canonizer for the model."""
    from zennit.attribution import Gradient
    from zennit.composites import COMPOSITES as PEERS
    from zennit.torchvision import ResNetCanonizer, VGGCanonizer

    canonizer = {"vgg": VGGCanonizer, "resnet": ResNetCanonizer}.get(family)
    if canonizer is None:
        return None
    box = {"low": torch.full_like(x, -4), "high": torch.full_like(x, 4)} if composite == "epsilon_gamma_box" else {}
    attributor = Gradient(model=model, composite=PEERS[composite](**box, canonizers=[canonizer()]))

    def run() -> Tensor:
        with attributor as active:
            found: Any = active(x, seed)
            return found[1]

    return run


def contestants(name: str, composite: str, batch: int, compile: bool, device: str) -> tuple[dict[str, Run], float]:
    torch.manual_seed(0)
    model = torchvision().models.get_model(name, weights=None).eval().to(device)
    x = torch.randn(batch, 3, 224, 224, device=device)
    seed = torch.zeros(batch, 1000, device=device)
    seed[:, 3] = 1.0
    start = time.perf_counter()
    explain = lrp.explainer(model, x, ours(composite))
    setup = time.perf_counter() - start
    runs: dict[str, Run] = {"gradient": gradient(model, x, seed), "ours": lambda: explain(x, 3)}
    if compile:
        fast = lrp.Explainer(explain.program.compiled(), explain.weights)
        runs["ours compiled"] = lambda: fast(x, 3)
    peer = zennit(model, x, seed, composite, name.rstrip("0123456789_bn"))
    return runs | ({"Zennit": peer} if peer else {}), setup


def measure(runs: dict[str, Run], rounds: int, device: str) -> dict[str, float]:
    """Median seconds of each, taken in turns so that all see the same weather."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in tqdm(range(rounds + 1), leave=False, unit="round"):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if device != "cpu":
                torch.cuda.synchronize()
            if turn:  # the first round compiles and warms up
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--composites", nargs="+", default=COMPOSITES, choices=COMPOSITES, metavar="NAME")
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compile", action="store_true", help="compiled too: minutes for a deep model")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    rows = []
    for name in given.models:
        for composite in given.composites:
            for batch in given.batch:
                runs, setup = contestants(name, composite, batch, given.compile, given.device)
                found = measure(runs, given.rounds, given.device)
                rows.append({"model": name, "composite": composite, "batch": batch, "setup": setup, "seconds": found})
                ratios = {k: v / found["gradient"] for k, v in found.items() if k != "gradient"}
                shown = "  ".join(f"{k} {v:.2f}x" for k, v in ratios.items())
                times = f"setup {setup:4.1f} s  gradient {found['gradient']:.3f} s"
                print(f"{name:16} {composite:26} batch {batch}  {times}  {shown}", flush=True)
                if given.out:
                    facts = {
                        "torch": torch.__version__,
                        "processor": platform.processor(),
                        "threads": torch.get_num_threads(),
                    }
                    given.out.write_text(json.dumps({**facts, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
