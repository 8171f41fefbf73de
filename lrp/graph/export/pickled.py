"""A graph as bytes, for another process: nodes as plain data, whose shapes are found again when they are read."""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import Dim
from torch.fx.node import map_arg

from lrp._torch import OpOverload, fake_mode_of, fixed_size, pytree
from lrp.graph.graph import Graph

SEEN = 11  # as in a trace: any size that is neither 0 nor 1 will do


@dataclass(frozen=True)
class Reference:
    """Stands for the node of that name."""

    name: str


def to_bytes(graph: Graph) -> bytes:
    """The graph and its parameters, without the model.

    Raises:
        pickle.PicklingError: A node calls or holds what Python cannot write down.
    """
    nodes = [
        (
            node.op, node.name, node.target, _referring(node.args), _referring(node.kwargs),
            {key: value for key, value in node.meta.items() if key != "val"}, _spec(node),
        )
        for node in graph.fx.nodes
    ]  # fmt: skip
    shape = pytree.tree_unflatten(list(range(len(graph.inputs))), graph.structure)
    stream = io.BytesIO()
    try:
        _Pickler(stream).dump((nodes, dict(graph.params), shape, graph.batch))
    except (pickle.PicklingError, AttributeError, TypeError, RuntimeError) as error:
        raise pickle.PicklingError(f"this graph cannot be pickled ({error}); trace the model anew there") from error
    return stream.getvalue()


def from_bytes(written: bytes) -> Graph:
    """The inverse of `to_bytes`. The bytes are a pickle: read none from a source that you do not trust."""
    nodes, params, shape, batch = pickle.loads(written)
    new, env = fx.Graph(), {}
    fakes = _fake_inputs([spec for *_, spec in nodes if spec is not None])
    with fake_mode_of(next(iter(fakes))) as mode:
        for op, name, target, args, kwargs, meta, spec in nodes:
            args, kwargs = pytree.tree_map(lambda a: env[a.name] if isinstance(a, Reference) else a, (args, kwargs))
            env[name] = node = new.create_node(op, target, args, kwargs, name)
            node.meta = dict(meta)
            if spec is not None:
                node.meta["val"] = fakes.pop(0)
            elif op == "placeholder":
                node.meta["val"] = mode.from_tensor(params[meta["param"]], static_shapes=True)
            elif op == "call_function":
                values, keywords = map_arg((node.args, node.kwargs), lambda n: n.meta["val"])
                node.meta["val"] = target(*values, **keywords)
    new.lint()
    return Graph(new, params, pytree.tree_structure(shape), batch)


def _referring(tree: Any) -> Any:
    """Arguments with references in place of nodes, in plain lists and dicts."""
    if isinstance(tree, fx.Node):
        return Reference(tree.name)
    if isinstance(tree, list | tuple):
        return [_referring(part) for part in tree] if isinstance(tree, list) else tuple(map(_referring, tree))
    return {key: _referring(part) for key, part in tree.items()} if isinstance(tree, dict) else tree


def _spec(node: fx.Node) -> Any:
    """Sizes, type and device of an input; a free size by its symbol. None for all other nodes."""
    if node.op != "placeholder" or "param" in node.meta:
        return None
    value = node.meta["val"]
    return (
        [str(size) if fixed_size(size) is None else fixed_size(size) for size in value.shape],
        value.dtype,
        value.device,
    )


def _fake_inputs(specs: list[Any]) -> list[Tensor]:
    """Tensors without values, of free sizes where they were free."""
    symbols = sorted({size for sizes, *_ in specs for size in sizes if isinstance(size, str)})
    free = {symbol: Dim(f"free_{number}") for number, symbol in enumerate(symbols)}
    shown = [torch.zeros([SEEN if s in free else s for s in sizes], dtype=t, device=d) for sizes, t, d in specs]
    axes = tuple({axis: free[size] for axis, size in enumerate(sizes) if size in free} for sizes, *_ in specs)
    program = torch.export.export(_Copies(), tuple(shown), dynamic_shapes={"inputs": axes})
    return [node.meta["val"] for node in program.graph.nodes if node.op == "placeholder"]


class _Copies(nn.Module):
    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(x.clone() for x in inputs)


class _Pickler(pickle.Pickler):
    """Writes operators by their names."""

    def reducer_override(self, obj: Any) -> Any:
        return (_overload, (str(obj),)) if isinstance(obj, OpOverload) else NotImplemented


def _overload(name: str) -> OpOverload:
    """`aten.add.Tensor` by its name."""
    found: Any = torch.ops
    for part in name.split("."):
        found = getattr(found, part)
    return found
