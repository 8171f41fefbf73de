"""The PyTorch bridge: nn.Module -> Graph, by torch.export. The module is read, never written."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import Dim, ExportedProgram
from torch.fx.node import map_arg

from lrp._torch import fixed_size, pytree, schema_name
from lrp.graph.aten import Item
from lrp.graph.export.draws import no_python_draws, without_draws
from lrp.graph.export.errors import Refused, TraceError, explained
from lrp.graph.export.isolated import copy_modules, isolated
from lrp.graph.export.models import Model, as_module, check_evaluating
from lrp.graph.export.quiet import quiet
from lrp.graph.export.selection import Selector, select_inside
from lrp.graph.functionalize import any_batch, any_layout, disentangle, emit_pure, is_simple
from lrp.graph.graph import Example, Graph
from lrp.graph.known import Known, with_known_buffers
from lrp.graph.normal import normal_form
from lrp.graph.operators import OPERATORS
from lrp.graph.rewriting import rewrite
from lrp.graph.source import source_of
from lrp.process import one_at_a_time

SHOWN = 11
"""Batch size of the trace. A size of 0 or 1 would count as a constant, and one that the model has elsewhere (2, 4, 7,
...) would make tracing believe that the two must be equal."""


@one_at_a_time
def trace(model: Model, example: Example, output: Selector | None = None, *, seed: int | None = None) -> Graph:
    """Turn a module into a functional graph and its parameters, `graph(graph.params, x) == model(x)`.

    Args:
        model: Any module in evaluation mode that `torch.export` accepts, an exported program, or the path of one
            (`.pt2`). It is not modified: same Parameter objects, `state_dict`, attributes and hooks before and after,
            also after an error; no hook is called.
        example: An input, `(batch, ...)`, or a tuple (positional) or dict (keyword) of them. Values do not matter; all
            sizes but the batch are fixed by it.
        output: Which output to explain, for a model that has several: a key, a position, or a function that picks it.
        seed: For a model that draws at random while predicting: draw once, now, the same for every sample.

    Raises:
        ValueError: The model is in training mode, or the example is no batch.
        TraceError: torch.export cannot trace the model, it has several outputs and none is selected, or it draws at
            random and there is no seed.

    Example:
        >>> import torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval()
        >>> graph = lrp.trace(model, torch.zeros(1, 3))
        >>> x = torch.randn(5, 3)
        >>> torch.equal(graph(graph.params, x), model(x))
        True
    """
    leaves, structure = pytree.tree_flatten(example)
    for leaf in leaves:
        if not isinstance(leaf, Tensor) or leaf.ndim == 0 or leaf.shape[0] == 0:
            shape = tuple(leaf.shape) if isinstance(leaf, Tensor) else type(leaf).__name__
            raise ValueError(f"example must be a tensor (batch, ...) with at least one sample, got {shape}")
    module = as_module(model)
    check_evaluating(module)
    replaced: set[str] = set()
    with no_python_draws(seed):
        exported, reads_buffers = _exported(isolated(module), example, output, replaced)
    graph = _graph_of(exported, structure)
    if kept := sorted(replaced & set(graph.params)):
        raise TraceError(
            f"the model reads {', '.join(kept)}, which it also replaces while predicting, so that equal calls differ; "
            "return values instead"
        )
    graph = replace(graph, source=source_of(module, graph.params, reads_buffers))
    return normal_form(without_draws(rewrite(graph, _single_values), seed))


def _exported(
    model: nn.Module, example: Example, output: Selector | None, replaced: set[str]
) -> tuple[ExportedProgram, bool]:
    """The model's program with the batch free, or, where its code ties it, of the caller's size; and whether the values
    of its buffers were read for it."""
    selecting = select_inside(copy_modules(model, {}), output, replaced)
    shown = pytree.tree_map(lambda t: torch.cat([t[:1]] * SHOWN), example)
    aligned = len({leaf.shape[0] for leaf in pytree.tree_leaves(example)}) == 1
    try:
        exported = _export(selecting, shown if aligned else example)
        if not aligned or _batch(exported) is None:
            return exported, False
    except Refused:
        raise
    except Exception:
        # its error would be in terms of another example than the caller's
        pass
    try:
        return _export(selecting, example), False
    except Exception as error:
        exported = _export_known(model, [shown, example] if aligned else [example], output, replaced)
        if exported is not None:
            return exported, True
        shapes = pytree.tree_map(lambda t: tuple(t.shape), example)
        raise explained(error, type(model).__name__, shapes, lambda: _run(model, example)) from error


def _export_known(
    model: nn.Module, examples: list[Example], output: Selector | None, replaced: set[str]
) -> ExportedProgram | None:
    """Once more, with the values of buffers at hand; the last example as it is, every size a number. None if that
    fails too, which tells nothing more."""
    for example in examples:
        copied, buffers = with_known_buffers(model)
        try:
            with Known(buffers):
                return _export(select_inside(copied, output, replaced), example, fixed=example is examples[-1])
        except Refused:
            raise
        except Exception:
            continue
    return None


def _export(model: nn.Module, example: Example, fixed: bool = False) -> ExportedProgram:
    args, kwargs = _arguments(example)
    bound = inspect.signature(model.forward).bind(*args, **kwargs)
    shapes = None if fixed else pytree.tree_map(lambda _: {0: Dim.AUTO}, dict(bound.arguments))
    with quiet(), torch.no_grad():
        exported = torch.export.export(model, args, kwargs, dynamic_shapes=shapes)
        disentangle(exported.graph)
        exported.graph_module.recompile()
        return exported if is_simple(exported.graph) else exported.run_decompositions(_unknown())


def _arguments(example: Example) -> tuple[tuple[Any, ...], dict[str, Any]]:
    example = pytree.tree_map(lambda t: t.detach(), example)
    args = example if isinstance(example, tuple) else () if isinstance(example, dict) else (example,)
    return args, example if isinstance(example, dict) else {}


def _run(model: nn.Module, example: Example) -> None:
    """Call the model as it is, to see whether it can be called at all."""
    args, kwargs = _arguments(example)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        model(*args, **kwargs)


def _unknown() -> dict[Any, Callable[..., Any]]:
    """PyTorch's own decompositions of every operator that the table does not know, into operators that it does."""
    every = torch.export.default_decompositions()
    return {op: parts for op, parts in every.items() if schema_name(op) not in OPERATORS}


def _graph_of(exported: ExportedProgram, structure: pytree.TreeSpec) -> Graph:
    """Our graph from an exported program: parameters by their module names, layers by their module paths."""
    signature = exported.graph_signature
    values: dict[str, Any] = dict(exported.state_dict) | dict(exported.constants)
    names = {spec.arg.name: spec.target for spec in signature.input_specs if spec.target is not None}  # type: ignore[union-attr]
    mutated = [*signature.buffers_to_mutate.values(), *signature.user_inputs_to_mutate.values()]
    if mutated:
        raise TraceError(f"the model writes to {', '.join(map(str, mutated))} while predicting; return values instead")
    (selected,) = signature.user_outputs
    new, env = fx.Graph(), {}
    for node in exported.graph.nodes:
        if node.op == "output":
            new.output(next(env[n] for n in env if n.name == selected))
        elif node.op == "placeholder" and not node.users and node.name in names:
            continue
        else:
            emit_pure(new, node, env)
            env[node].meta = _meta(node, names) | {"learned": node.name in signature.inputs_to_parameters}
    any_layout(new)
    any_batch(new)
    new.lint()
    params = {names[n.name]: values[names[n.name]].detach() for n in env if n.name in names}
    return Graph(new, params, structure, _batch(exported))


def _batch(exported: ExportedProgram) -> int | None:
    """The batch size that the model's code ties the trace to, by whichever input; None if any will do."""
    names = set(exported.graph_signature.user_inputs)
    sizes = [n.meta["val"].shape[0] for n in exported.graph.nodes if n.op == "placeholder" and n.name in names]
    return next((tied for size in sizes if (tied := fixed_size(size)) is not None), None)


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
