"""A traced graph without writes: by ourselves where that is plain to see, else by PyTorch's functionalization, which
takes as long as the trace."""

from __future__ import annotations

import operator

import torch
from torch import Tensor, fx
from torch.fx.node import map_arg

from lrp._torch import fixed_size, variant
from lrp.graph.aten import arguments, each_axis, operator_name, writes
from lrp.graph.operators import OPERATORS, has

aten = torch.ops.aten


def disentangle(graph: fx.Graph) -> None:
    """Take out what does more or less with memory than PyTorch's functionalization knows, or nothing to values.

    A `detach_`, which `torch.tensor` ends with, writes no values; and types and layouts were looked at in the trace.
    A dropout in evaluation returns its argument, and is taken for a copy: what is written into one of the two is lost.
    Pooling to one value writes strides in place: it becomes the mean that it is.
    """
    for node in list(graph.nodes):
        name = operator_name(node.target).removesuffix("_") if node.op == "call_function" else ""
        if has(name, "dropout") and not arguments(node)["train"] and graph.output_node() not in node.users:
            node.replace_all_uses_with(node.args[0])  # type: ignore[arg-type]
            graph.erase_node(node)
        elif has(name, "to a size") and all(n == 1 for n in node.args[1]):  # type: ignore[union-attr]
            node.args = (node.args[0], [*range(-len(node.args[1]), 0)], True)  # type: ignore[arg-type]
            node.target = aten.mean.dim
        elif name in ("detach", "_assert_tensor_metadata") and (writes(node) or not node.users):
            node.replace_all_uses_with(node.args[0])  # type: ignore[arg-type]
            graph.erase_node(node)


def is_simple(graph: fx.Graph) -> bool:
    """Whether `emit_pure` is enough: known operators only, which write at most into memory that nothing else names."""
    calls = [node for node in graph.nodes if node.op == "call_function"]
    if not any(writes(node) for node in calls):
        return all(_is_known(node) for node in calls)
    memory: dict[fx.Node, fx.Node] = {}
    shared = {node for node in graph.nodes if node.op == "placeholder"}
    for node in calls:
        name = operator_name(node.target)
        if writes(node):
            name = name.removesuffix("_")
            source: fx.Node = node.args[0]  # type: ignore[assignment]
            memory[node] = memory.get(source, source)
            if memory[node] in shared or not hasattr(aten, name) or not _is_of_one_type(node):
                return False
        if not (has(name, "fresh") or has(name, "shares")) or not _is_known(node):
            return False
        if has(name, "shares"):
            shared |= {node, *(memory.get(source, source) for source in node.all_input_nodes)}
    return True


def _is_known(node: fx.Node) -> bool:
    """Whether the table knows the operator as it is; a batch norm that makes its statistics anew is another one, and
    what is left of a dropout goes with PyTorch's decompositions."""
    name = operator_name(node.target).removesuffix("_")
    if has(name, "batch norm"):
        return _has_statistics(node)
    return (name in OPERATORS and not has(name, "dropout")) or node.target is operator.getitem


def emit_pure(new: fx.Graph, node: fx.Node, env: dict[fx.Node, fx.Node]) -> None:
    """Copy `node` to `new`; what writes becomes what returns, and takes the place of what it wrote into."""
    if not writes(node):
        env[node] = new.node_copy(node, env.__getitem__)
        return
    pure = getattr(getattr(aten, operator_name(node.target).removesuffix("_")), variant(node.target))  # type: ignore[union-attr]
    args, kwargs = map_arg((node.args, node.kwargs), env.__getitem__)
    old = env[node.args[0]]  # type: ignore[index]
    env[node] = new.call_function(pure, args, kwargs)  # type: ignore[arg-type]
    env |= {source: env[node] for source, value in env.items() if value is old}


def _is_of_one_type(node: fx.Node) -> bool:
    """Else what returns might promote, where what writes keeps the type of what it writes into."""
    return len({n.meta["val"].dtype for n in node.all_input_nodes if isinstance(n.meta["val"], Tensor)}) == 1


def _has_statistics(node: fx.Node) -> bool:
    given = arguments(node)
    return not given["training"] and given["running_mean"] is not None and given["running_var"] is not None


def any_layout(graph: fx.Graph) -> None:
    """Let `graph` take tensors of any memory layout (`channels_last` images): a recorded view fits only the strides
    that it was recorded with, a reshape fits all."""
    for node in graph.find_nodes(op="call_function", target=torch.ops.aten.view.default):
        node.target = torch.ops.aten.reshape.default


def any_batch(graph: fx.Graph) -> None:
    """Let `graph` take one sample as it takes many: a squeeze drops the axes that it dropped in the trace, and
    never the batch axis because a batch has one sample."""
    for name in ("default", "dim", "dims"):
        for node in graph.find_nodes(op="call_function", target=getattr(aten.squeeze, name)):
            shape = node.args[0].meta["val"].shape
            named = each_axis(node.args[1], 1) if name != "default" else range(len(shape))
            axes = [axis % len(shape) for axis in named] if shape else []
            node.target = aten.squeeze.dims
            node.args = (node.args[0], [axis for axis in axes if fixed_size(shape[axis]) == 1])
