"""The transform: Graph + composite -> relevance program, two flat ATen programs recorded from plain loops."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx

from lrp._torch import fixed_size
from lrp.composites.rows import checked
from lrp.composites.table import Row
from lrp.graph.graph import Graph
from lrp.process import one_at_a_time
from lrp.transform.assignment import Plan, assign
from lrp.transform.checkpoints import blocks
from lrp.transform.layout import channels_last, is_thin
from lrp.transform.passes import Weights, prepare
from lrp.transform.recorded import Passes
from lrp.transform.recording import Recording, function, record


@dataclass(frozen=True, eq=False)
class Program(Passes):
    """A model and its relevance pass, with the rules that it was made by; made by `relprop`."""

    plan: Plan
    checkpoint: tuple[str, ...] = ()
    _variants: dict[Any, Any] = field(default_factory=dict, repr=False)
    _compile: Callable[[fx.GraphModule], Any] = lambda part: part

    def __repr__(self) -> str:
        return f"Program({self.graph!r}, {len(self.composite)} rows, keeps {len(self.kept)} values)"

    def prepare(self, params: Mapping[str, Tensor]) -> Weights:
        """Make all modified weights, once per model; differentiable in `params` (names as in `graph.params`)."""
        options = {"store": channels_last} if is_thin(self.plan) else {}
        return prepare(self.graph, self.plan, params, **options)

    @one_at_a_time
    def variant(self, at: tuple[str, ...], masked: tuple[str, ...], beside: bool = True) -> fx.GraphModule:
        """The backward program that also returns hidden layers, or masks them; recorded at the first call."""
        if (key := (at, masked, beside)) not in self._variants:
            found = record(self.graph, self.plan, at, masked, beside)
            self._variants[key] = self._compile(_backward(found, self.kept, found.result))
        return self._variants[key]

    def compiled(self) -> Program:
        """The same program with both parts compiled, at their first call for a shape: for whole datasets."""
        options: dict[str, Any] | None = None if is_thin(self.plan) else {"layout_optimization": False}
        made = partial(torch.compile, fullgraph=True, options=options)
        forward, backward = made(self.forward), made(self.backward)
        return replace(self, forward=forward, backward=backward, _variants={}, _compile=made)  # type: ignore[arg-type]


@one_at_a_time
def relprop(
    graph: Graph, composite: Iterable[Row], *, strict: bool = False, checkpoint: str | Sequence[str] = ()
) -> Program:
    """Turn a graph into a program that predicts and explains; every rule is decided here.

    Args:
        graph: From `trace`, usually after `canonize`.
        composite: Rows of (match, rule), the first match wins.
        strict: Whether a row that can fit nothing (a misspelled word, say) is an error, and not a warning.
        checkpoint: Globs of layers, the blocks of a deep model (`encoder.layer.*`). Of a prediction their outputs alone
            are kept, and each block is computed again on the way back: less memory for one more forward pass.

    Raises:
        MissingRule: Operators without a rule, all listed.
        TypeError: The composite is none, or a row of it is no row; the message says what to write.
        ValueError: A rule does not fit its operator; the message names it. With `strict`, some rows fit nothing. A
            checkpoint fits no layer.

    Example:
        >>> import torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval()
        >>> graph = lrp.canonize(lrp.trace(model, torch.zeros(1, 3)))
        >>> program = lrp.relprop(graph, lrp.composites.epsilon_plus())
        >>> weights = program.prepare(graph.params)
        >>> output, pullback = program(weights, torch.randn(5, 3))
        >>> pullback(output).shape
        torch.Size([5, 3])
        >>> relevance, hidden = pullback(output, at=["1"])
        >>> hidden["1"].activation.shape
        torch.Size([5, 4])
    """
    rows = checked(composite)
    plan = assign(graph, rows, strict=strict)
    free = [[fixed_size(size) for size in node.meta["val"].shape] for node in graph.inputs]
    patterns = (checkpoint,) if isinstance(checkpoint, str) else tuple(checkpoint)
    layers = blocks(graph, patterns)
    found = record(graph, plan, layers)
    tied = fixed_size(graph.inputs[0].meta["val"].shape[0])  # recording may have tied it
    if graph.batch is None and tied is not None:
        raise NotImplementedError(
            f"an operator of this model ties the recorded program to a batch of {tied}; attention on tokens does so at "
            "present. Trace a model without it, or use lrp.attribution.gradient"
        )
    for node, sizes in zip(graph.inputs, free, strict=True):
        for axis, (was, size) in enumerate(zip(sizes, node.meta["val"].shape, strict=True)):
            if was is None and fixed_size(size) is not None and axis:
                raise NotImplementedError(
                    f"a rule or an operator of this model ties axis {axis} of {node.name!r} to {size}, which was to be "
                    "free: trace it without, and make an explainer for each size"
                )
    relevance, hidden = found.result if layers else (found.result, None)
    chosen = found.needed_later() if hidden is None else [value for value, _ in hidden if value not in found.given]
    kept = list(dict.fromkeys(chosen))
    assert graph.sizes  # known from here on: see there
    forward = function(found, found.given, [found.output, *kept])
    names = tuple(node.name for node in kept)
    return Program(graph, forward, _backward(found, names, relevance), names, rows, plan, patterns)


def _backward(found: Recording, names: tuple[str, ...], result: Any) -> fx.GraphModule:
    """`(*weights, *inputs, *kept, seed, *masks) -> result`; what is needed and not kept is computed again."""
    by_name = {node.name: node for node in found.graph.nodes}
    return function(found, [*found.given, *(by_name[name] for name in names), *found.seeds], result)
