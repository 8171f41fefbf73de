"""Beside the times: what speed costs in accuracy, ten classes of one input, a whole dataset."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

import lrp
from bench.attribution.runs import CLASS, gradient, images, network, rows
from bench.attribution.times import seconds
from lrp.assign import Plan, assign
from lrp.passes import backward, forward, prepare


def _plain(plan: Plan) -> Plan:
    """The same rules without the facts that let them take short cuts."""
    ops = {n: replace(op, nonnegative=(False,) * len(op.nonnegative), cut=False) for n, op in plan.ops.items()}
    return replace(plan, ops=ops)


def _by_loops(graph: lrp.Graph, plan: Plan, x: Tensor, seed: Tensor) -> Tensor:
    with torch.no_grad():
        weights = prepare(graph, plan, graph.params)
        env, bound = forward(graph, plan, weights, [x])
        (relevance,) = backward(graph, plan, weights, env, bound, seed)
    assert relevance is not None
    return relevance


def accuracy_row(name: str, composite: str, given: Any, count: int = 5) -> dict[str, Any]:
    """Error of float32 against our own float64, relative to the largest relevance: plain loops, fast, compiled.

    The median of several images: where the winner of a max pooling is a matter of rounding, one error is a large one.
    """
    model, exact, x = network(name), network(name, dtype=torch.float64), images(count)
    graph = lrp.canonize(lrp.trace(exact, x.double()))
    plan = assign(graph, rows(composite))
    explain = lrp.explainer(model, x, rows(composite))
    plain = _plain(assign(explain.program.graph, rows(composite)))
    seed = torch.zeros(1, 1000)
    seed[:, CLASS] = 1.0
    ways: dict[str, Callable[[Tensor], Tensor]] = {
        "plain": lambda image: _by_loops(explain.program.graph, plain, image, seed),
        "fast": lambda image: explain(image, CLASS).relevance,
    }
    if given.compile:
        torch._dynamo.reset()
        compiled = lrp.Explainer(explain.program.compiled(), explain.weights)
        ways["compiled"] = lambda image: compiled(image, CLASS).relevance
    errors: dict[str, list[float]] = {way: [] for way in ways}
    for image in x.split(1):
        truth = _by_loops(graph, plan, image.double(), seed.double())
        for way, relevance in ways.items():
            errors[way].append(float((relevance(image) - truth).abs().max() / truth.abs().max()))
    medians = {way: statistics.median(found) for way, found in errors.items()}
    return {"model": name, "composite": composite, "images": count, "errors": medians}


def classes_row(name: str, composite: str, given: Any, count: int = 10) -> dict[str, Any]:
    """Several classes of one input: one prediction and a pullback over all seeds, against a gradient for each."""
    from bench.attribution.runs import zennit

    model, x = network(name, given.device), images(1, given.device)
    seeds = torch.eye(1000, device=given.device)[:count, None]
    explain = lrp.explainer(model, x, rows(composite))

    def ours() -> Tensor:
        _, pullback = explain.program(explain.weights, x)
        return torch.func.vmap(pullback)(seeds)

    each = [gradient(model, x, seed) for seed in seeds]
    peers = [zennit(model, x, seed, composite, name) for seed in seeds]
    runs = {"gradients": lambda: [run() for run in each], "ours": ours}
    if all(peers):
        runs["Zennit"] = lambda: [run() for run in peers if run]
    return {
        "model": name,
        "composite": composite,
        "classes": count,
        "seconds": seconds(runs, given.rounds, given.device),
    }


def dataset_row(name: str, composite: str, given: Any, batch: int = 8, count: int = 32) -> dict[str, Any]:
    """Seconds for a dataset in memory: attribute_dataset with all its writing, and the bare loop of explanations."""
    model, x = network(name, given.device), images(count)
    explain = lrp.explainer(model, x[:1].to(given.device), rows(composite))
    dataset = TensorDataset(x, torch.zeros(count, dtype=torch.long))

    def project() -> None:
        with tempfile.TemporaryDirectory() as folder:
            lrp.attribute_dataset(explain, dataset, folder, batch_size=batch, progress=False)

    def loop() -> list[Tensor]:
        return [explain(part.to(given.device), None).relevance.cpu() for part in x.split(batch)]

    found = seconds({"bare loop": loop, "attribute_dataset": project}, given.rounds, given.device)
    return {"model": name, "composite": composite, "images": count, "seconds": found}
