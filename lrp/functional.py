"""A traced graph without writes: by ourselves where that is plain to see, else by PyTorch's functionalization, which
takes as long as the trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.node import map_arg

from lrp.ops import arguments, operator_name

aten = torch.ops.aten

FRESH = set(
    """conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d linear batch_norm add mul cat mean relu
    relu6 leaky_relu elu selu celu gelu silu mish hardswish hardsigmoid hardtanh sigmoid tanh softplus max_pool1d
    max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d
    adaptive_avg_pool2d adaptive_avg_pool3d""".split()
)
"""Operators whose result shares no memory with anything, and that stay as they are."""

SHARING = {"flatten"}
"""Operators that stay as they are and may return their argument's memory."""

DROPOUTS = {"dropout", "feature_dropout", "alpha_dropout"}


def drop_dropouts(graph: fx.Graph) -> None:
    """Read the argument of each dropout, which in evaluation is its result; PyTorch takes that for a copy, and loses
    what is written into one of the two."""
    for node in list(graph.nodes):
        name = operator_name(node.target).removesuffix("_") if node.op == "call_function" else ""
        if name in DROPOUTS and not arguments(node)["train"] and graph.output_node() not in node.users:
            node.replace_all_uses_with(node.args[0])  # type: ignore[arg-type]
            graph.erase_node(node)


def is_simple(graph: fx.Graph) -> bool:
    """Whether `emit_pure` is enough: known operators only, which write at most into memory that nothing else names."""
    shared: set[fx.Node] = set()
    for node in graph.nodes:
        if node.op == "placeholder":
            shared.add(node)
        if node.op != "call_function":
            continue
        name, writes = operator_name(node.target), _writes(node)
        if writes:
            name = name.removesuffix("_")
            if node.args[0] in shared or not hasattr(aten, name) or not _is_of_one_type(node):
                return False
        if name not in FRESH | SHARING or (name == "batch_norm" and not _has_statistics(node)):
            return False
        if name in SHARING:
            shared |= {node, *node.all_input_nodes}
    return True


def emit_pure(new: fx.Graph, node: fx.Node, env: dict[fx.Node, fx.Node]) -> None:
    """Copy `node` to `new`; what writes becomes what returns, and takes the place of what it wrote into."""
    if node.op == "call_function" and _writes(node):
        pure = getattr(getattr(aten, operator_name(node.target).removesuffix("_")), node.target._overloadname)  # type: ignore[union-attr]
        args, kwargs = map_arg((node.args, node.kwargs), env.__getitem__)
        old = env[node.args[0]]  # type: ignore[index]
        env[node] = new.call_function(pure, args, kwargs)  # type: ignore[arg-type]
        env |= {source: env[node] for source, value in env.items() if value is old}
    elif node.op == "call_function" and _is_global_pooling(node):
        x, size = node.args
        env[node] = new.call_function(aten.mean.dim, (env[x], [*range(-len(size), 0)], True))  # type: ignore[index, arg-type]
    else:
        env[node] = new.node_copy(node, env.__getitem__)


def _writes(node: fx.Node) -> bool:
    return isinstance(node.target, torch._ops.OpOverload) and node.target._schema.is_mutable


def _is_of_one_type(node: fx.Node) -> bool:
    """Else what returns might promote, where what writes keeps the type of what it writes into."""
    return len({n.meta["val"].dtype for n in node.all_input_nodes if isinstance(n.meta["val"], Tensor)}) == 1


def _has_statistics(node: fx.Node) -> bool:
    given = arguments(node)
    return not given["training"] and given["running_mean"] is not None and given["running_var"] is not None


def _is_global_pooling(node: fx.Node) -> bool:
    return node.target in FUNCTIONAL and all(n == 1 for n in node.args[1])  # type: ignore[union-attr]


def _mean_if_global(x: Tensor, size: list[int]) -> Any:
    """Average pooling to one value, as the mean that PyTorch makes of it, but without changing strides in place."""
    return x.mean([*range(-len(size), 0)], keepdim=True) if all(n == 1 for n in size) else NotImplemented


FUNCTIONAL: dict[Any, Callable[..., Any]] = {
    aten.adaptive_avg_pool1d.default: _mean_if_global,
    aten.adaptive_avg_pool2d.default: _mean_if_global,
    aten.adaptive_avg_pool3d.default: _mean_if_global,
}
"""Operators that write into tensors behind the scenes, and what stands for them."""
