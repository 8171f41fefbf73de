"""Threads that make and use explainers at once."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import torch
from torch import Tensor, nn

import lrp
from bench.faults import jobs
from bench.faults.row import Found, Row, Setting

THREADS = 8
ROUNDING = 1e-6  # of the largest value
COMPOSITES = {
    "epsilon_plus": lrp.composites.epsilon_plus,
    "epsilon_gamma_box": lambda: lrp.composites.epsilon_gamma_box(low=0.0, high=1.0),
    "epsilon_alpha2_beta1": lrp.composites.epsilon_alpha2_beta1,
}


def explained(model: nn.Module, composite: str, images: Tensor) -> Tensor:
    """Relevance by an explainer of its own."""
    explain = lrp.explainer(model, images[:1], COMPOSITES[composite]())
    return explain(images, 1).relevance


def compared(name: str, relevance: Tensor, right: Tensor) -> tuple[str, str]:
    """How a result ends: equal, or by rounding another one, as oneDNN is off for all threads while PyTorch exports."""
    if torch.equal(relevance, right):
        return "equal", ""
    off = float((relevance - right).abs().max() / right.abs().max())
    return "equal but for rounding", "" if off < ROUNDING else f"{name}: another result, off by {off:.2g}"


def threads(setting: Setting) -> Iterator[Found]:
    """Each thread makes its own explainers, all begin at once."""
    found = Found(f"{THREADS} threads making and using explainers", "equal results, warning filters unchanged")
    model, images = jobs.network(), torch.as_tensor(jobs.pixels()[:8])
    right = {name: explained(model, name, images) for name in COMPOSITES}
    before = list(warnings.filters)
    for _ in range(setting.times(2, 10)):
        together = Barrier(THREADS)

        def work(number: int, together: Barrier = together) -> dict[str, Tensor]:
            together.wait(60)
            names = list(COMPOSITES)[number % 3 :] + list(COMPOSITES)[: number % 3]
            return {name: explained(model, name, images) for name in names}

        with ThreadPoolExecutor(THREADS) as pool:
            for number, made in enumerate([pool.submit(work, number) for number in range(THREADS)]):
                if error := made.exception(timeout=300):
                    found.end("", f"thread {number}: {type(error).__name__}: {error}")
                    continue
                for name, relevance in made.result().items():
                    found.end(*compared(name, relevance, right[name]))
    if warnings.filters != before:
        found.wrong.append("the warning filters changed")
    found.note = "warning filters " + ("unchanged" if warnings.filters == before else "changed")
    yield found


ROW = Row("threads", threads)
