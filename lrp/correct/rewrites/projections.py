"""P-ClArC as a rewrite: an activation's component along an artefact's direction is set to what clean samples have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, fx

from lrp.explain.channels import channel_axis
from lrp.graph.cutting import between
from lrp.graph.graph import Graph
from lrp.graph.rewriting import Builder

aten = torch.ops.aten
Given = Mapping[str, fx.Node]
"""What a condition brought, as nodes of the copy."""


class When(Protocol):
    """For which samples a projection acts: 1 or 0 for each, `(batch, 1, ...)`, as a node of the copy."""

    def params(self, end: fx.Node) -> dict[str, Tensor]: ...

    def node(self, builder: Builder, graph: Graph, end: fx.Node, x: fx.Node, given: Given) -> fx.Node: ...


@dataclass(frozen=True)
class Predicted:
    """Where the uncorrected model predicts one of these classes (Bareeva et al. 2024, arXiv:2404.09601)."""

    classes: tuple[int, ...]

    def params(self, end: fx.Node) -> dict[str, Tensor]:
        """None."""
        del end
        return {}

    def node(self, builder: Builder, graph: Graph, end: fx.Node, x: fx.Node, given: Given) -> fx.Node:
        """The rest of the model without the correction, for its prediction."""
        del given
        needed = {graph.output}
        for node in reversed(graph.fx.nodes):
            needed |= set(node.all_input_nodes) if node in needed and node is not end else set()
        env = {**builder.env, end: x}
        for node in graph.fx.nodes:
            if node in needed and node not in env:
                env[node] = builder.graph.node_copy(node, env.__getitem__)
        call = _calling(builder, end)
        predicted = call(aten.argmax.default, env[graph.output], 1)
        hits = [call(aten.eq.Scalar, predicted, number) for number in self.classes]
        while len(hits) > 1:
            hits.append(call(aten.logical_or.default, hits.pop(), hits.pop()))
        return _as_numbers(builder, end, hits[0])


@dataclass(frozen=True)
class Present:
    """Where the artefact is there: its direction's largest component over all places is above a threshold."""

    direction: Tensor
    above: float

    def params(self, end: fx.Node) -> dict[str, Tensor]:
        """Its direction."""
        value = self.direction / self.direction.norm()
        return {"direction": value.reshape(_shape(end, value, 1)).to(end.meta["val"].dtype)}

    def node(self, builder: Builder, graph: Graph, end: fx.Node, x: fx.Node, given: Given) -> fx.Node:
        """The component of each sample, compared."""
        del graph
        call, rank = _calling(builder, end), end.meta["val"].ndim
        axes = [1] if self.direction.ndim == 1 else list(range(1, rank))
        along = call(aten.sum.dim_IntList, call(aten.mul.Tensor, x, given["direction"]), axes, True)
        largest = call(aten.amax.default, along, list(range(1, rank)))
        return _as_numbers(builder, end, call(aten.gt.Scalar, largest, self.above))


def predicted(*classes: int) -> Predicted:
    """For `project(when=...)`: where the model, uncorrected, predicts one of these classes."""
    if not classes:
        raise ValueError("name at least one class")
    return Predicted(classes)


def present(direction: Tensor, above: float) -> Present:
    """For `project(when=...)`: where the artefact is, its component along a direction above a threshold."""
    return Present(direction, above)


def project(
    graph: Graph,
    layer: str,
    v: Tensor,
    to: float,
    when: When | Sequence[When] | None = None,
    *,
    axis: int | None = None,
) -> Graph:
    """a' = a - (v . a - to) v: projective ClArC, at test and without training (Anders et al. 2022, Eq. 9).

    A direction over channels acts at each place of the activation by itself, one of the activation's shape on all of
    it. What is orthogonal to the direction stays as it is.

    Args:
        graph: From `trace`.
        layer: A module path or node name, see `Graph.find`. In the last dense layer, where the artefact and the class
            are one direction, a projection erases the class.
        v: `(channel,)` or of the layer's output's shape without the batch; its length does not matter. See `cav`.
        to: The component that clean samples have: their mean of v . a, of v of length 1.
        when: Only for some samples: `predicted(3)`, `present(v, 0.5)`, or several that must all hold. The output of all
            others is the model's, to the last bit.
        axis: Of the channels in the layer's output, where its operator does not say it.

    Returns:
        A graph with parameters `correction.direction` and `correction.component` more; those of the next one are called
        `correction2`.

    Raises:
        KeyError: There is no such layer.
        ValueError: The direction does not fit, or is zero or not finite.

    Example:
        >>> import lrp
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval()
        >>> graph, v = lrp.trace(model, torch.zeros(1, 3)), torch.tensor([1.0, 0, 0, 0])
        >>> after = project(graph, "1", v, 0.25)
        >>> lrp.until(after, "1")(after.params, torch.randn(2, 3))[:, 0]
        tensor([0.2500, 0.2500])
    """
    end = graph.find(layer)
    if not bool(torch.isfinite(v).all()) or not float(v.norm()):
        raise ValueError("the direction must be finite and not zero")
    shape = end.meta["val"].shape[1:]
    whole = tuple(v.shape) == tuple(shape)
    if not whole and v.ndim == 1 and axis is None:
        axis = channel_axis(graph, layer)
    if not whole and (v.ndim != 1 or axis is None or len(v) != end.meta["val"].shape[axis]):
        raise ValueError(
            f"a direction at {layer!r} has one number a channel, or shape {tuple(shape)}; got {tuple(v.shape)}"
        )
    at = 1 if whole else axis or 1
    direction = (v / v.norm()).reshape(_shape(end, v, at)).to(end.meta["val"].dtype)
    name = _free("correction", graph)
    values = {
        f"{name}.direction": direction,
        f"{name}.component": torch.tensor(to, dtype=direction.dtype, device=v.device),
    }
    conditions = [] if when is None else list(when) if isinstance(when, Sequence) else [when]
    own = {number: condition.params(end) for number, condition in enumerate(conditions)}
    values |= {f"{name}.when{number}.{key}": value for number, found in own.items() for key, value in found.items()}
    axes = list(range(1, len(shape) + 1)) if whole else [at]

    def inserted(builder: Builder, x: fx.Node, given: Given) -> fx.Node:
        call = _calling(builder, end)
        v, to = given[f"{name}.direction"], given[f"{name}.component"]
        gap = call(aten.sub.Tensor, call(aten.sum.dim_IntList, call(aten.mul.Tensor, x, v), axes, True), to)
        for number, condition in enumerate(conditions):
            brought = {key: given[f"{name}.when{number}.{key}"] for key in own[number]}
            gap = call(aten.mul.Tensor, gap, condition.node(builder, graph, end, x, brought))
        return call(aten.sub.Tensor, x, call(aten.mul.Tensor, v, gap))

    return between(graph, layer, values, inserted)


def component(hidden: Tensor, v: Tensor) -> Tensor:
    """v . a at each place, of an activation `(sample, channel, ...)`; of a whole direction one a sample."""
    unit = v / v.norm()
    if v.shape == hidden.shape[1:]:
        return hidden.flatten(1) @ unit.flatten()
    return (hidden.movedim(1, -1) * unit).sum(-1)


def _shape(end: fx.Node, v: Tensor, axis: int) -> list[int]:
    """The direction's shape among those of a batch's activation."""
    if v.ndim > 1:
        return [1, *v.shape]
    return [len(v) if at == axis else 1 for at in range(end.meta["val"].ndim)]


def _calling(builder: Builder, end: fx.Node) -> Any:
    return partial(builder.call, like=end)


def _as_numbers(builder: Builder, end: fx.Node, hits: fx.Node) -> fx.Node:
    """Booleans `(batch,)` as 1 and 0, `(batch, 1, ...)`."""
    call, value = _calling(builder, end), end.meta["val"]
    shaped = call(aten.view.default, hits, [-1, *[1] * (value.ndim - 1)])
    return call(aten.where.ScalarOther, shaped, call(aten.scalar_tensor.default, 1.0, dtype=value.dtype), 0.0)


def _free(name: str, graph: Graph) -> str:
    """The name, or the next one with a number, that no parameter of the graph begins with."""
    taken, number, free = {known.split(".")[0] for known in graph.params}, 2, name
    while free in taken:
        free, number = f"{name}{number}", number + 1
    return free
