"""Recorded passes, and what explaining a batch with them is: predict, then pull a seed back to the inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from torch import Size, Tensor, fx

from lrp._torch import fixed_size, pytree
from lrp.composites.table import Composite
from lrp.graph.graph import Example, Graph, check_input
from lrp.transform.passes import tensors
from lrp.transform.recording import consuming


class Hidden(NamedTuple):
    """What a named layer holds for a batch, both of its output's shape."""

    activation: Tensor
    relevance: Tensor


@dataclass(frozen=True, eq=False)
class Passes:
    """A prediction and its relevance pass as two flat ATen programs: all that explaining a batch needs.

    `forward` maps weights and inputs to the output and to the values that `backward` needs again; `backward` maps those
    and the seed to the inputs' relevance. Both are plain functions of tensors, so `torch.func.vmap`, `grad`, `jvp` and
    `torch.compile(fullgraph=True)` go through. `print(program.code)` shows them.
    """

    graph: Graph
    forward: fx.GraphModule
    backward: fx.GraphModule
    kept: tuple[str, ...]
    composite: Composite
    """What the passes were made by."""

    def __call__(self, weights: Any, x: Example) -> tuple[Tensor, Pullback]:
        """Predict, and keep what is needed to explain.

        Args:
            weights: From `prepare`.
            x: Input of the traced shape, any batch size.

        Returns:
            The model's output and the pullback from a seed to the input's relevance.
        """
        given = [*tensors(weights), *check_input(self.graph, x)]
        output, *kept = self.forward(*given)
        return output, Pullback(self, given, kept, output.shape)

    def variant(self, at: tuple[str, ...], masked: tuple[str, ...], beside: bool = True) -> fx.GraphModule:
        """The backward program that also returns hidden layers, or masks them; these passes alone cannot make it.

        Raises:
            KeyError: The model's layers are not known.
        """
        del beside
        asked = ", ".join(at or masked)
        raise KeyError(f"no layer {asked}: a loaded explainer knows none; make an explainer from the model")

    @cached_property
    def last(self) -> fx.GraphModule:
        """The backward program as a function of one list, which it empties as it goes."""
        return consuming(self.backward)

    @property
    def code(self) -> str:
        """Source of both programs."""
        return f"# forward\n{self.forward.code.strip()}\n\n# backward\n{self.backward.code.strip()}\n"


@dataclass(frozen=True, eq=False)
class Pullback:
    """Seed -> relevance, for the batch that was predicted; linear in the seed, any number of calls, `vmap`able."""

    program: Passes
    given: Sequence[Any] = field(repr=False)
    kept: list[Any] = field(repr=False)
    shape: Size

    def __call__(
        self,
        seed: Tensor,
        *,
        at: Sequence[str] | None = None,
        mask: Mapping[str, Tensor] | None = None,
        beside: bool = True,
    ) -> Any:
        """Share the seed among the inputs.

        Args:
            seed: Relevance of the output, of its shape; for one class, 1 there and 0 elsewhere.
            at: Layers whose activation and relevance are wanted too (`layer3`), or node names. A module that is used
                several times stands for its last use; `layer3.0.relu#1` is its first, see `Graph.find`. For a masked
                layer it is the relevance behind the mask, which goes on to the input; what arrives at the mask is that
                of a call without it.
            mask: By layer, what the relevance of its output is multiplied by on its way: a tensor that broadcasts to
                it. `{"layer3": channels}` with 0 and 1 gives concept-conditional relevance (Achtibat et al. 2023). It
                acts on one use of a module: of one that is used several times each use to mask is named
                (`{"layer3.0.relu#1": ..., "layer3.0.relu#2": ...}`). Several masks of one value multiply.
            beside: Whether relevance also goes along paths that pass a masked layer by, such as a shortcut. Without
                them, all of it went through every masked layer (zennit-crp's `exclude_parallel=True`, its default).

        Returns:
            Relevance, in the structure and shapes of the input; with `at`, that and a dict from layer to `Hidden`.

        Raises:
            ValueError: The seed or a mask does not have the shape of what it is for; a layer to mask is used several
                times, and no use is named; or, without paths beside them, no path leads through all masked layers.
            KeyError: No such layer.
        """
        self._check(seed)
        if at is None and not mask:
            return self._structured(self.program.backward(*self.given, *self.kept, seed))
        layers, masked = tuple(at or ()), tuple(sorted(mask or {}))
        program = self.program.variant(layers, masked, beside or not masked)
        given = [self._masking(layer, (mask or {})[layer]) for layer in masked]
        relevance, hidden = program(*self.given, *self.kept, seed, *given)
        found = {layer: Hidden(*pair) for layer, pair in zip(layers, hidden, strict=True)}
        return self._structured(relevance) if at is None else (self._structured(relevance), found)

    def _masking(self, layer: str, mask: Tensor) -> Tensor:
        """The mask, which may be of fewer axes or samples than the layer, but not of more."""
        graph = self.program.graph
        batch, shape = graph.inputs[-1].meta["val"].shape[0], graph.find(layer).meta["val"].shape
        known = [len(self.given[-1]) if str(size) == str(batch) else fixed_size(size) for size in shape]
        sizes = known[max(0, len(known) - mask.ndim) :]
        if mask.ndim > len(known) or any(n and m not in (1, n) for m, n in zip(mask.shape, sizes, strict=True)):
            wanted = ", ".join("?" if size is None else str(size) for size in known)
            raise ValueError(f"the mask of {layer} must broadcast to ({wanted}), got {tuple(mask.shape)}")
        return mask

    def once(self, seed: Tensor) -> Any:
        """The same for the last time: what was kept of the prediction is freed on the way, for less memory at the peak.

        Raises:
            ValueError: As above, or the pullback was used up before.
        """
        self._check(seed)
        if not isinstance(self.program.backward, fx.GraphModule):  # compiled: it frees by itself
            return self._structured(self.program.backward(*self.given, *self.kept, seed))
        values = [*self.given, *self.kept, seed]
        self.kept.clear()
        return self._structured(self.program.last(values))

    def _check(self, seed: Tensor) -> None:
        if seed.shape != self.shape:
            raise ValueError(f"the seed must have the output's shape {tuple(self.shape)}, got {tuple(seed.shape)}")
        if len(self.kept) != len(self.program.kept):
            raise ValueError("this pullback was used up by `once`; predict again, or call the pullback itself instead")

    def _structured(self, relevance: Sequence[Tensor | None]) -> Any:
        plain = [None if part is None else part.contiguous() for part in relevance]
        return pytree.tree_unflatten(plain, self.program.graph.structure)
