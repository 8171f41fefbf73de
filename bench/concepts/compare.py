"""Conditional relevance of zennit-crp and of `lrp.conditions`: the numbers, the time and the memory.

zennit-crp hooks a module and runs a batch with one copy of the input for each condition; here one prediction is made,
and the relevance pass alone is repeated, by vmap over masks.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

import torch
from torch import Tensor

import lrp
from bench.memory import peak_memory
from bench.networks import network

LIMIT = 1e-12  # of the largest relevance, in float64
SIDE, CONDITIONS, ROUNDS, TARGET = 64, 32, 3, 2


class Case(NamedTuple):
    """A network, a layer of it, and the canonizer that zennit asks for."""

    model: str
    layer: str
    canonizer: str


CASES: Mapping[str, Case] = {
    "vgg11, layer 18": Case("vgg11", "features.18", "VGGCanonizer"),
    "vgg11_bn, layer 15": Case("vgg11_bn", "features.15", "VGGCanonizer"),
    "resnet18, in a block": Case("resnet18", "layer2.0.conv1", "ResNetCanonizer"),
    "resnet18, a block": Case("resnet18", "layer3.0", "ResNetCanonizer"),
}


def built(case: Case, dtype: torch.dtype, side: int = SIDE) -> tuple[torch.nn.Module, Tensor]:
    """The network and an input; batch norms without their epsilon, which zennit leaves in the layer it has merged."""
    generator = torch.Generator().manual_seed(0)
    model = network(case.model, torch.randn(16, 3, side, side, generator=generator), dtype=dtype)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 0.0
    return model, torch.randn(1, 3, side, side, generator=generator).to(dtype)


def theirs(case: Case, model: torch.nn.Module, x: Tensor, channels: Sequence[int], beside: bool) -> Tensor:
    """zennit-crp's, `(condition, 1, channel, height, width)`."""
    from crp.attribution import CondAttribution  # pyright: ignore[reportMissingImports]
    from zennit import torchvision as canonizers
    from zennit.composites import EpsilonPlusFlat

    class Whole(CondAttribution):
        def heatmap_modifier(self, data: Any, on_device: Any = None) -> Tensor:  # channels are not summed
            del on_device
            return data.grad.detach().clone()

    conditions = [{case.layer: [channel], "y": [TARGET]} for channel in channels]
    composite = EpsilonPlusFlat(canonizers=[getattr(canonizers, case.canonizer)()])
    given = x.clone().requires_grad_()
    found = Whole(model).generate(
        given, conditions, composite, init_rel=1, batch_size=len(channels), exclude_parallel=not beside, verbose=False
    )
    return torch.cat([part.heatmap for part in found])[:, None]


class Ours(NamedTuple):
    """An explainer, made once; zennit-crp has nothing that could be made once."""

    explain: lrp.Explainer
    layer: str

    @classmethod
    def of(cls, case: Case, model: torch.nn.Module, x: Tensor) -> Ours:
        return cls(lrp.explainer(model, x, lrp.composites.epsilon_plus_flat()), case.layer)

    def __call__(self, x: Tensor, channels: Sequence[int], beside: bool) -> Tensor:
        output, pullback = self.explain.program(self.explain.weights, x)
        seed = torch.zeros_like(output)
        seed[:, TARGET] = 1
        return lrp.conditions(pullback, seed, {self.layer: channels}, beside=beside)


def alike(names: Sequence[str]) -> Iterator[str]:
    """A line a case and meaning: how far the two are apart, as a share of the largest relevance."""
    for name in names or CASES:
        case = CASES[name]
        model, x = built(case, torch.float64)
        ours = Ours.of(case, model, x)
        for beside in (True, False):
            channels = list(range(8))
            own, other = ours(x, channels, beside), theirs(case, model, x, channels, beside)
            apart = float((own - other).abs().max() / other.abs().max())
            word = "all paths" if beside else "through the layer"
            yield f"{name:22} {word:18} {'alike' if apart <= LIMIT else 'APART'}  {apart:.0e} of the largest"


def costs(names: Sequence[str], side: int = 96) -> Iterator[str]:
    """A line a case: time in turn in one process, peak memory above what was there each in one of its own."""
    for name in names or CASES:
        case = CASES[name]
        model, x = built(case, torch.float32, side)
        channels = list(range(CONDITIONS))
        runs = {"ours": Ours.of(case, model, x), "theirs": lambda *given, c=case, m=model: theirs(c, m, *given)}
        taken: dict[str, list[float]] = {who: [] for who in runs}
        for round_of in range(ROUNDS + 1):
            for who, run in runs.items():
                start = time.process_time()
                run(x, channels, False)
                if round_of:  # the first warms up
                    taken[who].append(time.process_time() - start)
        ours, other = (median(taken[who]) for who in runs)
        peaks = {who: peak_of(name, who, side) for who in runs}
        yield (
            f"{name:22} {CONDITIONS} conditions: {ours:6.2f} s, zennit-crp {other:6.2f} s: {ours / other:.2f} of its "
            f"time; {peaks['ours']:4.0f} MB, zennit-crp {peaks['theirs']:4.0f} MB: "
            f"{peaks['ours'] / peaks['theirs']:.2f} of its memory"
        )


def peak_of(name: str, who: str, side: int) -> float:
    """Megabytes of a process of its own at the peak, above those before the conditions."""
    code = f"from bench.concepts.compare import measured; measured(*{json.dumps([name, who, side])})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def measured(name: str, who: str, side: int) -> None:
    """Print the growth of the peak; one condition comes first, so that what is loaded or recorded does not count."""
    case = CASES[name]
    model, x = built(case, torch.float32, side)
    run = Ours.of(case, model, x) if who == "ours" else lambda *given: theirs(case, model, *given)
    run(x, [0], False)
    before = resident()
    run(x, list(range(CONDITIONS)), False)
    print(max(0.0, 1024 * (peak_memory() - before)))


def resident() -> float:
    """Gigabytes now; the peak so far where the system does not tell."""
    from pathlib import Path

    status = Path("/proc/self/status")
    if not status.exists():
        return peak_memory()
    (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 2**20
