"""The PyTorch bridge: nn.Module -> Graph, by torch.export. The module is read, never written."""

from __future__ import annotations

import inspect
import operator
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import Dim, ExportedProgram
from torch.fx.node import map_arg

from lrp._torch import fixed_size, pytree, schema_name
from lrp.graph.aten import Item
from lrp.graph.functionalize import any_layout, disentangle, emit_pure, is_simple
from lrp.graph.graph import Example, Graph
from lrp.graph.normal import normal_form
from lrp.graph.operators import OPERATORS
from lrp.graph.rewriting import rewrite

SHOWN = 11
"""Batch size of the trace. A size of 0 or 1 would count as a constant, and one that the model has elsewhere (2, 4, 7,
...) would make tracing believe that the two must be equal."""


class TraceError(RuntimeError):
    """The model could not be turned into a graph; the message says why and what to do."""


Selector = str | int | Callable[[Any], Any]
"""Which of several outputs to explain: a key, a position, or a function that picks one from the model's output."""


def trace(model: nn.Module, example: Example, output: Selector | None = None) -> Graph:
    """Turn a module into a functional graph and its parameters, `graph(graph.params, x) == model(x)`.

    Args:
        model: Any module in evaluation mode that `torch.export` accepts. It is not modified: same Parameter objects,
            same `state_dict`, same hooks before and after, also after an error.
        example: An input, `(batch, ...)`, or a tuple (positional) or dict (keyword) of them. Values do not matter; all
            sizes but the batch are fixed by it.
        output: Which output to explain, for a model that has several.

    Raises:
        ValueError: The model is in training mode, or the example is no batch.
        TraceError: torch.export cannot trace the model, or it has several outputs and none is selected.

    Example:
        >>> import torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval()
        >>> graph = lrp.trace(model, torch.zeros(1, 3))
        >>> x = torch.randn(5, 3)
        >>> torch.equal(graph(graph.params, x), model(x))
        True
    """
    check_evaluating(model)
    leaves, structure = pytree.tree_flatten(example)
    for leaf in leaves:
        if not isinstance(leaf, Tensor) or leaf.ndim == 0 or leaf.shape[0] == 0:
            shape = tuple(leaf.shape) if isinstance(leaf, Tensor) else type(leaf).__name__
            raise ValueError(f"example must be a tensor (batch, ...) with at least one sample, got {shape}")
    shown = pytree.tree_map(lambda t: torch.cat([t[:1]] * SHOWN), example)
    aligned = len({leaf.shape[0] for leaf in leaves}) == 1
    try:
        exported = _export(model, shown if aligned else example)
        tied = aligned and _batch(exported) is not None
    except TraceError:
        tied = True
    # a model that needs its own batch size, or an error in terms of the caller's example
    exported = _export(model, example) if tied else exported  # pyright: ignore[reportPossiblyUnboundVariable]
    return normal_form(rewrite(_graph_of(exported, structure, output), _single_values))


def check_evaluating(model: nn.Module) -> None:
    """Explanations are of the model that predicts: dropout off, batch norm on its running statistics."""
    training = [name or type(module).__name__ for name, module in model.named_modules() if module.training]
    if training:
        shown = ", ".join(training[:3]) + (f" and {len(training) - 3} more" if len(training) > 3 else "")
        raise ValueError(f"the model is in training mode ({shown}); call model.eval() first")


def _export(model: nn.Module, example: Example) -> ExportedProgram:
    example = pytree.tree_map(lambda t: t.detach(), example)
    args = example if isinstance(example, tuple) else () if isinstance(example, dict) else (example,)
    kwargs = example if isinstance(example, dict) else {}
    try:
        bound = inspect.signature(model.forward).bind(*args, **kwargs)
        shapes = pytree.tree_map(lambda _: {0: Dim.AUTO}, dict(bound.arguments))
        with _unrecorded(), torch.no_grad():
            exported = torch.export.export(model, args, kwargs, dynamic_shapes=shapes)
            disentangle(exported.graph)
            exported.graph_module.recompile()
            return exported if is_simple(exported.graph) else exported.run_decompositions(_unknown())
    except Exception as error:
        shown = pytree.tree_map(lambda t: tuple(t.shape), example)
        raise TraceError(
            f"torch.export could not trace {type(model).__name__} on an input of shape {shown}: "
            f"{str(error).strip().splitlines()[0]}\nThe model must run on the example and must not branch in Python on "
            "the values of tensors; see the error above for the line. Move such code out of forward, or wrap it."
        ) from error


def _unknown() -> dict[Any, Callable[..., Any]]:
    """PyTorch's own decompositions of every operator that the table does not know, into operators that it does."""
    every = torch.export.default_decompositions()
    return {op: parts for op, parts in every.items() if schema_name(op) not in OPERATORS}


@contextmanager
def _unrecorded() -> Iterator[None]:
    """Silence PyTorch's notices about its own internals; they tell a user nothing to act on."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, module=r"copyreg|torch\..*")
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"copyreg|torch\..*")
        yield


def _graph_of(exported: ExportedProgram, structure: pytree.TreeSpec, selector: Selector | None) -> Graph:
    """Our graph from an exported program: parameters by their module names, layers by their module paths."""
    signature = exported.graph_signature
    values: dict[str, Any] = dict(exported.state_dict) | dict(exported.constants)
    names = {spec.arg.name: spec.target for spec in signature.input_specs if spec.target is not None}  # type: ignore[union-attr]
    mutated = [*signature.buffers_to_mutate.values(), *signature.user_inputs_to_mutate.values()]
    if mutated:
        raise TraceError(f"the model writes to {', '.join(map(str, mutated))} while predicting; return values instead")
    selected = _select(exported, selector)
    new, env = fx.Graph(), {}
    for node in exported.graph.nodes:
        if node.op == "output":
            new.output(env[selected])
        elif node.op == "placeholder" and not node.users and node.name in names:
            continue
        else:
            emit_pure(new, node, env)
            env[node].meta = _meta(node, names)
    any_layout(new)
    new.lint()
    params = {names[n.name]: values[names[n.name]].detach() for n in env if n.name in names}
    return Graph(new, params, structure, _batch(exported))


def _select(exported: ExportedProgram, selector: Selector | None) -> fx.Node:
    """The node of the output to explain."""
    nodes = {n.name: n for n in exported.graph.nodes}
    leaves = [nodes.get(str(name)) for name in exported.graph_signature.user_outputs]
    tree: Any = pytree.tree_unflatten(leaves, exported.call_spec.out_spec)  # type: ignore[arg-type]
    if selector is not None:
        tree = selector(tree) if callable(selector) else tree[selector]
    if not isinstance(tree, fx.Node):
        keys = list(tree) if isinstance(tree, dict) else f"{len(pytree.tree_leaves(tree))} outputs"
        raise TraceError(f"the model returns {keys}; say which one to explain: trace(model, example, output=...)")
    return tree


def _batch(exported: ExportedProgram) -> int | None:
    """The batch size that the model's code ties the trace to; None if any will do."""
    (name, *_) = exported.graph_signature.user_inputs
    batch = next(n.meta["val"].shape[0] for n in exported.graph.nodes if n.name == name)
    return fixed_size(batch)


def _meta(node: fx.Node, names: dict[str, str]) -> dict[str, Any]:
    stack = {call: at for call, at in node.meta.get("nn_module_stack", {}).items() if not at[0].startswith("_empty")}
    layer, module = list(stack.values())[-1] if stack else ("", "")
    calls = {path: call for call, (path, _) in stack.items()}
    meta = {"val": node.meta.get("val"), "layer": layer, "module": module, "calls": calls}
    return meta | ({"param": names[node.name]} if node.name in names else {})


def _single_values(builder: Any, node: fx.Node) -> fx.Node | None:
    """`getitem(op(...), i)` becomes one node, so that every node has one tensor as its value."""
    if node.target is not operator.getitem or not isinstance(node.args[0], fx.Node):
        return None
    source, index = node.args
    args, kwargs = map_arg((source.args, source.kwargs), builder.env.__getitem__)  # type: ignore[union-attr]
    return builder.call(Item(source.target, index), *args, like=node, **kwargs)  # type: ignore[union-attr, arg-type]
