"""The transform: Graph + composite -> relevance program, two flat ATen programs recorded from plain loops."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx

from lrp._torch import fixed_size, pytree
from lrp.composites.rows import checked
from lrp.composites.table import Composite, Row
from lrp.graph.graph import Example, Graph, check_input
from lrp.process import one_at_a_time
from lrp.transform.assignment import Plan, assign
from lrp.transform.checkpoints import blocks
from lrp.transform.layout import channels_last, is_thin
from lrp.transform.passes import Weights, prepare, tensors
from lrp.transform.recording import Recording, consuming, function, record


class Hidden(NamedTuple):
    """What a named layer holds for a batch, both of its output's shape."""

    activation: Tensor
    relevance: Tensor


@dataclass(frozen=True, eq=False)
class Program:
    """A model and its relevance pass as two flat ATen programs; made by `relprop`.

    `forward` maps weights and inputs to the output and to the values that `backward` needs again; `backward` maps those
    and the seed to the inputs' relevance. Both are plain functions of tensors, so `torch.func.vmap`, `grad`, `jvp` and
    `torch.compile(fullgraph=True)` go through. `print(program.code)` shows them.
    """

    graph: Graph
    composite: Composite
    plan: Plan
    forward: fx.GraphModule
    backward: fx.GraphModule
    kept: tuple[str, ...]
    checkpoint: tuple[str, ...] = ()
    _variants: dict[Any, Any] = field(default_factory=dict, repr=False)
    _compile: Callable[[fx.GraphModule], Any] = lambda part: part

    def __repr__(self) -> str:
        return f"Program({self.graph!r}, {len(self.composite)} rows, keeps {len(self.kept)} values)"

    def prepare(self, params: Mapping[str, Tensor]) -> Weights:
        """Make all modified weights, once per model; differentiable in `params` (names as in `graph.params`)."""
        options = {"store": channels_last} if is_thin(self.plan) else {}
        return prepare(self.graph, self.plan, params, **options)

    def __call__(self, weights: Weights, x: Example) -> tuple[Tensor, Pullback]:
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

    program: Program
    given: Sequence[Any] = field(repr=False)
    kept: list[Any] = field(repr=False)
    shape: torch.Size

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
    return Program(graph, rows, plan, forward, _backward(found, names, relevance), names, patterns)


def _backward(found: Recording, names: tuple[str, ...], result: Any) -> fx.GraphModule:
    """`(*weights, *inputs, *kept, seed, *masks) -> result`; what is needed and not kept is computed again."""
    by_name = {node.name: node for node in found.graph.nodes}
    return function(found, [*found.given, *(by_name[name] for name in names), *found.seeds], result)
