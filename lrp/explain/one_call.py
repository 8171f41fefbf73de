"""One call from a model to an explainer: `output, relevance = explain(images, target)`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from torch import nn

from lrp.canonizers import canonize
from lrp.composites.table import Row
from lrp.explain.explanation import Explanation
from lrp.explain.pieces import join, samples_at_once, split
from lrp.explain.target import Target, seed_of
from lrp.graph.graph import Example
from lrp.graph.tracing import Selector, trace
from lrp.transform.passes import Weights
from lrp.transform.program import Program, relprop


@dataclass(frozen=True, eq=False)
class Explainer:
    """A model ready to be explained; made by `explainer`."""

    program: Program
    weights: Weights = field(repr=False)

    def __call__(self, x: Example, target: Target = None) -> Explanation:
        """Explain a batch; on a CPU a large one in pieces, which is faster and needs less memory.

        For many batches of large images, explain inside `lrp.process.memory_kept()`.

        Args:
            x: `(batch, channel, height, width)`, or whatever the example was.
            target: See `Target`.

        Returns:
            The output `(batch, class)` and the relevance, of the input's shape; shown as pictures in a notebook.
        """
        parts = split(self.program.graph, x, target, self.samples_at_once)
        found = [self._explained(*part) for part in parts]
        return found[0] if len(found) == 1 else join(found)

    @cached_property
    def samples_at_once(self) -> int | None:
        """The largest piece, in samples; None for the whole batch, where samples are not independent."""
        return samples_at_once(self.program.graph, self.program.plan)

    def _explained(self, x: Example, target: Target) -> Explanation:
        output, pullback = self.program(self.weights, x)
        return Explanation(output, pullback.once(seed_of(output, target)))


def explainer(
    model: nn.Module,
    example: Example,
    composite: Iterable[Row],
    *,
    output: Selector | None = None,
    compile: bool = False,
    strict: bool = False,
) -> Explainer:
    """Trace, canonize and transform a model.

    Args:
        model: A module in evaluation mode; it is not modified. After a change of its
            weights, make a new explainer.
        example: An input, `(batch, ...)`; its values do not matter.
        composite: Which rule where, such as `lrp.composites.epsilon_plus()`.
        output: Which output to explain, for a model that has several; see `trace`.
        compile: Compile the program at its first call for a shape; pays for whole datasets.
        strict: Whether a row of the composite that can fit nothing is an error; else it is a warning.

    Example:
        >>> import torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(),
        ...                             torch.nn.Linear(4 * 6 * 6, 10)).eval()
        >>> explain = lrp.explainer(model, torch.zeros(1, 3, 8, 8), lrp.composites.epsilon_gamma_box(low=0, high=1))
        >>> output, relevance = explain(torch.rand(5, 3, 8, 8))
        >>> relevance.shape
        torch.Size([5, 3, 8, 8])
    """
    graph = canonize(trace(model, example, output))
    program = relprop(graph, composite, strict=strict)
    weights = program.prepare(graph.params)
    return Explainer(program.compiled() if compile else program, weights)
