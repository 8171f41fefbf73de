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
from bench.attribution.runs import CLASS, Case, Run, explained, gradient, images, model_of, parts, rows, seeds, zennit
from bench.attribution.times import seconds
from lrp.transform.assignment import Plan, assign
from lrp.transform.passes import backward, forward, prepare


def without_facts(plan: Plan) -> Plan:
    """The same rules without the facts that let them take short cuts."""
    ops = {n: replace(op, nonnegative=(False,) * len(op.nonnegative), cut=False) for n, op in plan.ops.items()}
    return replace(plan, ops=ops)


def by_loops(graph: lrp.Graph, plan: Plan, x: Tensor, seed: Tensor) -> Tensor:
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
    model, exact, x = model_of(name), model_of(name, dtype=torch.float64), images(count)
    graph = lrp.canonize(lrp.trace(exact, x.double()))
    plan = assign(graph, rows(composite))
    explain = lrp.explainer(model, x, rows(composite))
    plain = without_facts(assign(explain.program.graph, rows(composite)))
    seed = seeds(1)
    ways: dict[str, Callable[[Tensor], Tensor]] = {
        "plain": lambda image: by_loops(explain.program.graph, plain, image, seed),
        "fast": lambda image: explain(image, CLASS).relevance,
    }
    if given.compile:
        torch._dynamo.reset()
        compiled = lrp.Explainer(explain.program.compiled(), explain.weights)
        ways["compiled"] = lambda image: compiled(image, CLASS).relevance
    errors: dict[str, list[float]] = {way: [] for way in ways}
    for image in x.split(1):
        truth = by_loops(graph, plan, image.double(), seed.double())
        for way, relevance in ways.items():
            errors[way].append(float((relevance(image) - truth).abs().max() / truth.abs().max()))
    medians = {way: statistics.median(found) for way, found in errors.items()}
    return {"model": name, "composite": composite, "images": count, "errors": medians}


CLASSES = 10


def _each_class(case: Case) -> Tensor:
    """A seed for each class, `(class, 1, 1000)`."""
    return torch.eye(1000, device=case.device)[:CLASSES, None]


def _gradients(case: Case) -> Run:
    model, x, _ = parts(case)
    runs = [gradient(model, x, seed) for seed in _each_class(case)]
    return lambda: [run() for run in runs]


def _zennits(case: Case) -> Run | None:
    model, x, _ = parts(case)
    runs = [zennit(model, x, seed, case.composite, case.model) for seed in _each_class(case)]
    return (lambda: [run() for run in runs if run]) if all(runs) else None


def _all_at_once(case: Case) -> Run:
    explain, x = explained(case)
    each = _each_class(case)

    def run() -> Tensor:
        _, pullback = explain.program(explain.weights, x)
        return torch.func.vmap(pullback)(each)

    return run


def classes_row(name: str, composite: str, given: Any) -> dict[str, Any]:
    """Several classes of one input: one prediction and a pullback over all seeds, against a gradient for each."""
    case = Case(name, composite, 1, given.device)
    makers = {"gradients": _gradients, "ours": _all_at_once, "Zennit": _zennits}
    found = seconds(makers, case, given.rounds)
    return {"model": name, "composite": composite, "classes": CLASSES, "seconds": found}


BATCH = 8


def _project(case: Case) -> Run:
    explain, x = explained(case)
    dataset = TensorDataset(x.cpu(), torch.zeros(case.batch, dtype=torch.long))

    def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            lrp.attribute_dataset(explain, dataset, folder, batch_size=BATCH, progress=False)

    return run


def _bare_loop(case: Case) -> Run:
    explain, x = explained(case)
    batches = x.cpu().split(BATCH)
    return lambda: [explain(batch.to(case.device), None).relevance.cpu() for batch in batches]


def dataset_row(name: str, composite: str, given: Any, count: int = 32) -> dict[str, Any]:
    """Seconds for a dataset in memory: attribute_dataset with all its writing, and the bare loop of explanations."""
    case = Case(name, composite, count, given.device)
    makers = {"bare loop": _bare_loop, "attribute_dataset": _project}
    found = seconds(makers, case, given.rounds)
    return {"model": name, "composite": composite, "images": count, "seconds": found}
