"""Parts of a graph, and graphs with something between: `until`, `since`, `insert`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from torch import Tensor, fx, nn

from lrp._torch import fake_mode_of, pytree
from lrp.graph.graph import Graph
from lrp.graph.rewriting import Builder, rewrite

Call = Callable[..., fx.Node]
"""`call(operator, *args, **kwargs)` adds an operator to the layer at which something is inserted."""
Inserted = Callable[[Call, fx.Node, Mapping[str, fx.Node]], fx.Node]
"""`(call, x, params)`: from the layer's output, and the brought parameters by name, to what stands in its place."""


def until(graph: Graph, layer: str) -> Graph:
    """The part of a model up to a layer, as a model of its own: explanations of it start at that layer's output.

    Args:
        layer: A module path or node name, see `Graph.find`.

    Example:
        >>> import torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval()
        >>> graph = lrp.until(lrp.trace(model, torch.zeros(1, 3)), "1")
        >>> graph(graph.params, torch.zeros(5, 3)).shape
        torch.Size([5, 4])
    """
    end = graph.find(layer)
    return rewrite(graph, lambda builder, node: builder.output(end) if node.op == "output" else None)


def since(graph: Graph, layer: str) -> Graph:
    """The part of a model behind a layer, as a model of that layer's output: what `until` leaves.

    `since(graph, layer)(params, until(graph, layer)(params, x)) == graph(params, x)`; the parameters are the whole
    model's.

    Args:
        layer: A module path or node name, see `Graph.find`.

    Raises:
        ValueError: The layer does not cut the model in two: what is behind it also reads values from before it, which
            the message names, as a shortcut does inside a residual block.

    Example:
        >>> import torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval()
        >>> graph, x = lrp.trace(model, torch.zeros(1, 3)), torch.randn(5, 3)
        >>> hidden = lrp.until(graph, "1")(graph.params, x)
        >>> torch.equal(lrp.since(graph, "1")(graph.params, hidden), model(x))
        True
    """
    start = graph.find(layer)
    needed = {graph.output}
    for node in reversed(graph.fx.nodes):
        if node in needed and node is not start:
            needed |= set(node.all_input_nodes)
    behind = _dependents(start) | {start}
    builder = Builder()
    for node in graph.fx.nodes:
        if "param" in node.meta:
            builder.env[node] = builder.copy(node)
        elif node is start:
            builder.env[node] = builder.graph.placeholder("hidden")
            builder.env[node].meta = {key: value for key, value in node.meta.items() if key in ("val", "layer")}
        elif node in needed and node.op == "call_function" and builder.env.keys() >= set(node.all_input_nodes):
            builder.env[node] = builder.copy(node)
    if any(n not in builder.env for n in needed):
        before = needed - behind - builder.env.keys()
        crossing = [n.name for n in graph.fx.nodes if n in before and n.users.keys() & behind] or ["its input"]
        raise ValueError(
            f"the model cannot be cut at {layer!r}: what is behind it also reads {', '.join(crossing[:5])}; cut "
            "where all paths pass, such as at the end of a residual block"
        )
    builder.graph.output(builder.env[graph.output])
    builder.graph.lint()
    return replace(graph, fx=builder.graph, structure=pytree.tree_structure(0))


def _dependents(start: fx.Node) -> set[fx.Node]:
    """All nodes that depend on this one."""
    found: set[fx.Node] = set()
    waiting = [start]
    while waiting:
        fresh = waiting.pop().users.keys() - found
        found |= fresh
        waiting.extend(fresh)
    return found


def insert(graph: Graph, layer: str, params: Mapping[str, Tensor], function: Inserted) -> Graph:
    """Put something between a layer and all that reads its output: a projection, a basis, an adapter.

    The result has the brought parameters among its own, so they are saved, tuned and explained with it. The layer's
    output is then the inserted one: what is found as `layer` in the result is what `function` returned.

    Args:
        layer: A module path or node name, see `Graph.find`.
        params: What the insertion needs, by the names that they get in `graph.params`. An `nn.Parameter` is learned
            like a weight of the model, any other tensor is fixed like a buffer.
        function: See `Inserted`; operators are PyTorch's own (`torch.ops.aten`), none of which writes in place.

    Raises:
        KeyError: There is no such layer.
        ValueError: The graph has a parameter of such a name already, or one is on another device than the model.

    Example:
        >>> import torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval()
        >>> graph, x = lrp.trace(model, torch.zeros(1, 3)), torch.randn(5, 3)
        >>> halved = lrp.insert(graph, "1", {"half.weight": torch.eye(4) / 2},
        ...                     lambda call, x, p: call(torch.ops.aten.linear.default, x, p["half.weight"]))
        >>> torch.allclose(halved(halved.params, x), model[2](model[:2](x) / 2))
        True
    """
    end = graph.find(layer)

    def inserted(builder: Builder, x: fx.Node, nodes: Mapping[str, fx.Node]) -> fx.Node:
        return function(partial(builder.call, like=end), x, nodes)

    return between(graph, layer, params, inserted)


def between(
    graph: Graph,
    layer: str,
    params: Mapping[str, Tensor],
    function: Callable[[Builder, fx.Node, Mapping[str, fx.Node]], fx.Node],
) -> Graph:
    """`insert` for what needs the whole builder: what else was copied so far, say."""
    end = graph.find(layer)
    first = next(iter(graph.fx.nodes))
    nodes: dict[str, fx.Node] = {}
    _check(graph, params)

    def replacement(builder: Builder, node: fx.Node) -> fx.Node | None:
        if node is first:
            nodes.update({name: _brought(builder, end, name, value) for name, value in params.items()})
        return function(builder, builder.copy(node), nodes) if node is end else None

    values = {name: value.detach() for name, value in params.items()}
    return replace(rewrite(graph, replacement), params={**graph.params, **values})


def _check(graph: Graph, params: Mapping[str, Tensor]) -> None:
    if taken := sorted(set(params) & (set(graph.params) | set(graph.parameters))):
        raise ValueError(f"the graph has parameters {', '.join(taken)} already; give the inserted ones other names")
    devices = {value.device for value in graph.params.values()} | {value.device for value in params.values()}
    if len(devices) > 1:
        raise ValueError(
            f"parameters are on {', '.join(sorted(map(str, devices)))}: bring those inserted to the model's"
        )


def _brought(builder: Builder, like: fx.Node, name: str, value: Tensor) -> fx.Node:
    """A parameter more, as a placeholder of the copy."""
    node = builder.graph.placeholder(name.replace(".", "_").replace("#", "_"))
    fake = fake_mode_of(like.meta["val"]).from_tensor(value.detach(), static_shapes=True)
    node.meta = {"val": fake, "param": name, "layer": "", "learned": isinstance(value, nn.Parameter), "saved": True}
    return node
