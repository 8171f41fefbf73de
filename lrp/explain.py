"""One call from a model to an explainer: `output, relevance = explain(images, target)`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn

from lrp._collector import collector_held
from lrp.canonizers import canonize
from lrp.composites.table import Row
from lrp.graph.graph import Example
from lrp.graph.tracing import Selector, trace
from lrp.heatmap_save import Explanation
from lrp.pieces import join, memory_kept, samples_at_once, split
from lrp.transform.passes import Weights
from lrp.transform.program import Program, relprop

Target = None | int | Tensor | Callable[[Tensor], Tensor]
"""What to explain: None (the predicted class), a class, one class per sample `(batch,)`, a seed `(batch, class)`, or
a function from the output to a seed. Classes are seeded with 1."""


@dataclass(frozen=True, eq=False)
class Explainer:
    """A model ready to be explained; made by `explainer`."""

    program: Program
    weights: Weights = field(repr=False)

    def __call__(self, x: Example, target: Target = None) -> Explanation:
        """Explain a batch; on a CPU a large one in pieces, which is faster and needs less memory.

        Args:
            x: `(batch, channel, height, width)`, or whatever the example was.
            target: See `Target`.

        Returns:
            The output `(batch, class)` and the relevance, of the input's shape; shown as pictures in a notebook.
        """
        parts = split(self.program.graph, x, target, self.samples_at_once)
        with memory_kept():
            found = [self._explained(*part) for part in parts]
        return found[0] if len(found) == 1 else join(found)

    @cached_property
    def samples_at_once(self) -> int | None:
        """The largest piece, in samples; None for the whole batch, where samples are not independent."""
        return samples_at_once(self.program.graph, self.program.plan)

    def _explained(self, x: Example, target: Target) -> Explanation:
        output, pullback = self.program(self.weights, x)
        return Explanation(output, pullback.once(seed_of(output, target)))


@collector_held()
def explainer(
    model: nn.Module,
    example: Example,
    composite: Iterable[Row],
    *,
    output: Selector | None = None,
    compile: bool = False,
) -> Explainer:
    """Trace, canonize and transform a model.

    Args:
        model: A module in evaluation mode; it is not modified. After a change of its
            weights, make a new explainer.
        example: An input, `(batch, ...)`; its values do not matter.
        composite: Which rule where, such as `lrp.composites.epsilon_plus()`.
        output: Which output to explain, for a model that has several; see `trace`.
        compile: Compile the program at its first call for a shape; pays for whole datasets.

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
    program = relprop(graph, composite)
    weights = program.prepare(graph.params)
    return Explainer(program.compiled() if compile else program, weights)


def seed_of(output: Tensor, target: Target) -> Tensor:
    """The relevance to start from, of the output's shape.

    Raises:
        ValueError, IndexError, TypeError: The target does not fit the output.
    """
    if callable(target) and not isinstance(target, Tensor):
        target = target(output)
        if not isinstance(target, Tensor) or target.shape != output.shape:
            raise ValueError(
                f"the target function must return a seed of shape {tuple(output.shape)}, got {_shape(target)}"
            )
    if isinstance(target, Tensor) and target.is_floating_point():
        if target.shape != output.shape:
            raise ValueError(f"a seed must have the output's shape {tuple(output.shape)}, got {tuple(target.shape)}")
        return target.to(output)
    if output.ndim != 2:
        raise ValueError(f"the output has shape {tuple(output.shape)}, not (batch, class): give a seed of that shape")
    return _one_hot(output, _classes(output, target))


def _classes(output: Tensor, target: int | Tensor | None) -> Tensor:
    """A class for each sample."""
    batch, classes = output.shape
    if target is None:
        return output.argmax(1)
    chosen = torch.as_tensor(target, device=output.device)
    if chosen.dtype == torch.bool or chosen.is_floating_point() or chosen.is_complex():
        raise TypeError(f"classes must be integers, got {chosen.dtype}")
    if chosen.ndim > 1 or (chosen.ndim == 1 and len(chosen) != batch):
        raise ValueError(f"give one class, or one for each of the {batch} samples; got shape {tuple(chosen.shape)}")
    chosen = chosen.expand(batch)
    if batch and not torch.compiler.is_compiling() and not bool(((chosen >= 0) & (chosen < classes)).all()):
        wrong = int(chosen[(chosen < 0) | (chosen >= classes)][0])
        raise IndexError(f"class {wrong} does not exist: the model has classes 0 to {classes - 1}")
    return chosen


def _one_hot(output: Tensor, classes: Tensor) -> Tensor:
    return torch.zeros_like(output).scatter(1, classes[:, None].long(), 1.0)


def _shape(value: object) -> object:
    return tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
