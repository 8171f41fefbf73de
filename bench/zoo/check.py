"""What is asked of every network of the zoo: right output, finite relevance, closed audit, a sample alone = its row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import lrp
from lrp.explain.target import Target, seed_of
from lrp.graph.aten import operator_name
from lrp.graph.tracing import Selector

Inputs = Tensor | dict[str, Tensor]
"""One tensor `(batch, ...)`, or several by the names of `forward`'s arguments."""

LIMIT = 1e-3
"""What a good network stays below: float32 has seven digits, and a stabilizer of 1e-6 eats some of them."""


@dataclass(frozen=True)
class Found:
    """What was found out about one network; every number is relative, and the worst of its samples."""

    finite: bool
    output: float
    """The explainer's output less the model's, to the largest output."""
    residual: float
    """What the audit's identity is off by, to the sum of its absolute terms."""
    row: float
    """A sample's relevance when explained alone, less its row in the batch, to its largest."""

    @property
    def good(self) -> bool:
        return self.finite and max(self.output, self.residual, self.row) < LIMIT


class Checked(NamedTuple):
    found: Found
    output: Tensor
    relevance: Any
    """In the input's structure."""


def strongest(output: Tensor) -> Tensor:
    """A seed for outputs of any shape: one at the largest value of each sample.

    >>> strongest(torch.tensor([[[0.0, 2.0], [1.0, 1.0]]])).tolist()
    [[[0.0, 1.0], [0.0, 0.0]]]
    """
    flat = output.detach().flatten(1)
    return torch.zeros_like(flat).scatter(1, flat.argmax(1, keepdim=True), 1.0).reshape(output.shape)


def check(
    model: nn.Module, x: Inputs, composite: lrp.Composite, target: Target = strongest, output: Selector | None = None
) -> Checked:
    """Explain a batch and look at it from all sides. Where a softmax comes last, its input is explained: the logits.

    Args:
        x: Two samples or more.
        target, output: As for an explainer.
    """
    graph = lrp.canonize(lrp.trace(model, x, output))
    explain = prepared(graph, composite)
    shown, relevance = explain(x, target)
    # a model that is tied to its batch size is another one for one sample
    alone = sample(x, 0)
    single = explain if graph.batch is None else prepared(lrp.canonize(lrp.trace(model, alone, output)), composite)
    account = lrp.audit(explain.program, explain.weights, x, seed_of(shown, target))
    # the audit runs plain loops; what the recorded program gives must be what they account for
    off = abs(total(relevance) - torch.from_numpy(account.input.values)) + abs(
        torch.from_numpy(account.residual.values)
    )
    right = predicted(model, x, output)
    found = Found(
        finite=all(bool(torch.isfinite(part).all()) for part in parts(relevance)),
        output=relative(graph(graph.params, x).detach() - right, right),
        residual=_worst(off / torch.from_numpy(account.scale.values)),
        row=max(
            relative(own - row[:1], row[:1])
            for own, row in zip(parts(single(alone, target).relevance), parts(relevance), strict=True)
        ),
    )
    return Checked(found, shown, relevance)


def prepared(graph: lrp.Graph, composite: lrp.Composite) -> lrp.Explainer:
    """An explainer of the output, or of what a softmax at the end makes probabilities of."""
    if operator_name(graph.output.target) in ("softmax", "_softmax"):
        graph = lrp.until(graph, graph.output.all_input_nodes[0].name)
    program = lrp.relprop(graph, composite)
    return lrp.Explainer(program, program.prepare(graph.params))


def predicted(model: nn.Module, x: Inputs, output: Selector | None) -> Tensor:
    """What the model itself says."""
    with torch.no_grad():
        found: Any = model(**x) if isinstance(x, dict) else model(x)
    if callable(output):
        return output(found)
    return found if output is None else found[output]


def sample(x: Inputs, at: int) -> Inputs:
    """A batch of one sample."""
    return {name: value[at : at + 1] for name, value in x.items()} if isinstance(x, dict) else x[at : at + 1]


def parts(relevance: Any) -> list[Tensor]:
    """The relevance of each input that has any."""
    return [part for part in (relevance.values() if isinstance(relevance, dict) else [relevance]) if part is not None]


def total(relevance: Any) -> Tensor:
    """Sum of relevance by sample."""
    return torch.stack([part.double().flatten(1).sum(1) for part in parts(relevance)]).sum(0)


def relative(difference: Tensor, to: Tensor) -> float:
    return _worst(abs(difference.double()).max() / abs(to.double()).max().clamp_min(1e-30))


def _worst(values: Tensor) -> float:
    """The largest; infinite where one is not a number, which no limit would catch."""
    return math.inf if bool(values.isnan().any()) else float(values.max())
