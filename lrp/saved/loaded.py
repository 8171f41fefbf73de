"""An explainer that was read from a file: both programs and their weights, and nothing of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from torch import Tensor, fx

from lrp._torch import pytree
from lrp.explain.explanation import Explanation, Known
from lrp.explain.pieces import join, split
from lrp.explain.target import Target, seed_of
from lrp.graph.graph import Example, Graph, check_input
from lrp.transform.recording import consuming


@dataclass(frozen=True, eq=False, repr=False)
class Loaded:
    """Explains as the explainer that was saved, bit for bit. It has no layers to look into and no weights to refresh:
    for conditions, `at=` and audits make an explainer from the model.
    """

    signature: Graph
    """The inputs and the output alone."""
    forward: fx.GraphModule
    backward: fx.GraphModule
    weights: Sequence[Tensor]
    samples_at_once: int | None
    axes: Sequence[Any]
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the file says of where it comes from: composite, versions, digest."""

    def __repr__(self) -> str:
        shapes = ", ".join(f"({', '.join(map(str, sizes))})" for sizes in self.signature.sizes)
        return f"Loaded(input {shapes}, {len(self.weights)} weights)"

    def __call__(self, x: Example, target: Target = None) -> Explanation:
        """Explain a batch, see `lrp.Explainer`.

        Raises:
            TypeError, ValueError: The input or the target does not fit; the message says what would.
        """
        parts = split(self.signature, x, target, self.samples_at_once)
        found = [self._explained(*part) for part in parts]
        return Known.of(found[0] if len(found) == 1 else join(found), list(self.axes))

    @cached_property
    def _last(self) -> fx.GraphModule:
        return consuming(self.backward)

    def _explained(self, x: Example, target: Target) -> Explanation:
        given = [*self.weights, *check_input(self.signature, x)]
        output, *kept = self.forward(*given)
        values = [*given, *kept, seed_of(output, target)]
        del kept
        relevance = self._last(values)
        plain = [None if part is None else part.contiguous() for part in relevance]
        return Explanation(output, pytree.tree_unflatten(plain, self.signature.structure))
