"""One call from a model to an explainer: `output, relevance = explain(images, target)`."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch

from lrp.canonizers import canonize
from lrp.composites.rows import checked
from lrp.composites.table import Row
from lrp.explain.axes import axes_of_input
from lrp.explain.copies import copied, read, written
from lrp.explain.ending import warn_of_softmax
from lrp.explain.explanation import Explanation, Known
from lrp.explain.pieces import join, samples_at_once, split
from lrp.explain.target import Target, seed_of
from lrp.graph.cutting import until as part_until
from lrp.graph.export.models import Model
from lrp.graph.export.shown import Free
from lrp.graph.graph import Example, Graph
from lrp.graph.source import Stamp
from lrp.graph.tracing import Selector, trace
from lrp.transform.passes import Weights
from lrp.transform.program import Program, relprop
from lrp.transform.recorded import Passes


class Watched:
    """The weights of an explainer, of the model as it is: reading them raises when the model has changed."""

    def __get__(self, explain: Explainer | None, kind: object = None) -> Weights:
        if explain is None:
            raise AttributeError("no default")
        source, stamps = explain.program.graph.source, explain.stamps
        if stamps is None or torch.compiler.is_compiling() or source.stands(stamps):
            return vars(explain)["weights"]
        if changed := source.changed(stamps):
            raise RuntimeError(
                f"the model's weights have changed since this explainer was made ({_some(changed)}): "
                "call explain = explain.refreshed()"
            )
        if replaced := source.replaced():
            raise RuntimeError(
                f"the model has other parts than when it was traced ({_some(replaced)}): make a new explainer"
            )
        return vars(explain)["weights"]

    def __set__(self, explain: Explainer, weights: Weights) -> None:
        vars(explain)["weights"] = weights


@dataclass(frozen=True, eq=False, repr=False)
class Explainer:
    """A model ready to be explained; made by `explainer`. It can be copied and pickled; a copy has
    weights of its own, and does not know the model any more.

    Raises:
        RuntimeError: At each use: the model has changed since its weights were prepared.
    """

    program: Program
    weights: Weights = Watched()  # type: ignore[assignment]
    stamps: list[Stamp] | None = None

    def __repr__(self) -> str:
        return f"Explainer(program={self.program!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _read, (self.weights, *written(self.program))

    def __deepcopy__(self, memo: object) -> Explainer:
        return Explainer(copied(self.program), copy.deepcopy(self.weights, {}))

    def refreshed(self) -> Explainer:
        """An explainer of the model as it is now: weights are prepared anew, nothing is traced or recorded.

        A copy, which has weights of its own, is returned as it is.

        Raises:
            RuntimeError: Modules were replaced, or buffers that tracing has read as numbers: the graph is another one.

        Example:
            >>> import torch, lrp
            >>> model, x = torch.nn.Linear(3, 2).eval(), torch.randn(4, 3)
            >>> explain = lrp.explainer(model, x, lrp.composites.epsilon_plus())
            >>> with torch.no_grad():
            ...     _ = model.weight.mul_(2)
            >>> bool((explain.refreshed()(x).output == model(x)).all())
            True
        """
        return self if self.stamps is None else _prepared(self.program)

    def __call__(self, x: Example, target: Target = None) -> Explanation:
        """Explain a batch; on a CPU a large one in pieces, which is faster and needs less memory.

        For many batches of large images, explain inside `lrp.process.memory_kept()`.

        Args:
            x: `(batch, channel, height, width)`, or whatever the example was.
            target: See `Target`.

        Returns:
            The output `(batch, class)` and the relevance, of the input's shape; shown as pictures in a notebook.
        """
        return explained(self.program, self.weights, x, target, self.samples_at_once, self.axes)

    @cached_property
    def axes(self) -> list[tuple[str, ...] | None]:
        """Names of the axes of each input behind its batch, where an operator says them."""
        return [axes_of_input(self.program.graph, at) for at in range(len(self.program.graph.inputs))]

    @cached_property
    def samples_at_once(self) -> int | None:
        """The largest piece, in samples; None for the whole batch, where samples are not independent."""
        return samples_at_once(self.program.graph, self.program.plan)


def explained(
    program: Passes, weights: Any, x: Example, target: Target, size: int | None, axes: Sequence[Any]
) -> Explanation:
    """A batch explained in pieces of up to `size` samples; `axes` are the names of the inputs' axes."""

    def one(x: Example, target: Target) -> Explanation:
        output, pullback = program(weights, x)
        return Explanation(output, pullback.once(seed_of(output, target)))

    found = [one(*part) for part in split(program.graph, x, target, size)]
    return Known.of(found[0] if len(found) == 1 else join(found), axes)


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _read(weights: Weights, *program: Any) -> Explainer:
    return Explainer(read(*program), weights)


def _prepared(program: Program) -> Explainer:
    """An explainer of the parameters that the program's model has now."""
    graph = program.graph
    if replaced := graph.source.replaced():
        raise RuntimeError(f"the model has other parts than when it was traced ({_some(replaced)}): trace it again")
    params, stamps = graph.source.params(graph.params), graph.source.stamps()
    return Explainer(replace(program, graph=replace(graph, params=params)), program.prepare(params), stamps)


def explainer(
    model: Model | Graph,
    example: Example | Iterable[Row] | None = None,
    composite: Iterable[Row] | None = None,
    *,
    output: Selector | None = None,
    until: str | None = None,
    free: Free | None = None,
    seed: int | None = None,
    compile: bool = False,
    strict: bool = False,
    checkpoint: str | Sequence[str] = (),
) -> Explainer:
    """Trace, canonize and transform a model.

    Args:
        model: A module in evaluation mode, an exported program, or the path of one (`.pt2`); it is not modified. After
            a change of its weights, call `explain.refreshed()`. Or a graph from `trace`, so that several composites
            share one trace: `explainer(graph, composite)`.
        example: An input, `(batch, ...)`; its values do not matter. Not needed for a graph.
        composite: Which rule where, such as `lrp.composites.epsilon_plus()`.
        output: Which output to explain, for a model that has several; see `trace`.
        until: Explain the output of this layer, or of the operator of this name, instead of the model's: the logits
            before a softmax, say.
        free: Axes beside the batch that may vary too, so that one explainer serves texts of all lengths:
            `{1: "length"}`; see `trace`.
        seed: For a model that draws at random while predicting; see `trace`.
        compile: Compile the program at its first call for a shape; pays for whole datasets.
        strict: Whether a row of the composite that can fit nothing is an error; else it is a warning.
        checkpoint: Layers, as globs (`encoder.layer.*`): of a prediction their outputs alone are kept, and each block
            is computed again on the way back. For long texts.

    Raises:
        ValueError, TraceError: As `trace`.
        KeyError: No layer is called `until`; the message names similar ones.
        MissingRule: Operators without a rule, all listed.

    Warns:
        UserWarning: The model ends in a softmax, whose relevance vanishes as its confidence grows.

    Example:
        >>> import torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(),
        ...                             torch.nn.Linear(4 * 6 * 6, 10)).eval()
        >>> explain = lrp.explainer(model, torch.zeros(1, 3, 8, 8), lrp.composites.epsilon_gamma_box(low=0, high=1))
        >>> output, relevance = explain(torch.rand(5, 3, 8, 8))
        >>> relevance.shape
        torch.Size([5, 3, 8, 8])
    """
    if isinstance(model, Graph):
        example, composite = (None, example) if composite is None else (example, composite)  # type: ignore[assignment]
        if not (output is None and seed is None and free is None):
            raise ValueError(
                "output, free and seed are said when a graph is traced: lrp.trace(model, example, output, seed=...)"
            )
    if composite is None:
        raise TypeError("explainer needs a composite, such as lrp.composites.epsilon_plus()")
    if not isinstance(model, Graph) and example is None:
        raise TypeError("explainer needs an example of the input, (batch, ...), to trace the model with")
    graph = model if isinstance(model, Graph) else trace(model, example, output, free=free, seed=seed)  # type: ignore[arg-type]
    graph = graph if until is None else part_until(graph, until)
    warn_of_softmax(graph)
    rows = checked(composite)
    program = relprop(canonize(graph, composite=rows), rows, strict=strict, checkpoint=checkpoint)
    return _prepared(program.compiled() if compile else program)
