"""The PyTorch bridge: nn.Module -> Graph, by torch.export. The module is read, never written."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.export import ExportedProgram
from torch.fx.node import map_arg

from lrp._torch import fixed_size, pytree, schema_name
from lrp.graph.aten import Item
from lrp.graph.export.draws import no_python_draws, without_draws
from lrp.graph.export.errors import Refused, TraceError, explained
from lrp.graph.export.isolated import copy_modules, isolated
from lrp.graph.export.models import Model, as_module, check_evaluating
from lrp.graph.export.quiet import quiet
from lrp.graph.export.selection import Selector, select_inside
from lrp.graph.export.shown import Free, check_free, free_axes, shown, varying
from lrp.graph.graph import Example, Graph
from lrp.graph.known import Known, with_known_buffers
from lrp.graph.normal import normal_form
from lrp.graph.normal.functionalize import any_batch, any_layout, disentangle, emit_pure, is_simple
from lrp.graph.operators import OPERATORS
from lrp.graph.rewriting import rewrite
from lrp.graph.source import source_of
from lrp.process import one_at_a_time


@one_at_a_time
def trace(
    model: Model,
    example: Example,
    output: Selector | None = None,
    *,
    free: Free | None = None,
    seed: int | None = None,
) -> Graph:
    """Turn a module into a functional graph and its parameters, `graph(graph.params, x) == model(x)`.

    Args:
        model: Any module in evaluation mode that `torch.export` accepts, an exported program, or the path of one
            (`.pt2`). It is not modified: same Parameter objects, `state_dict`, attributes and hooks before and after,
            also after an error; no hook is called.
        example: An input, `(batch, ...)`, or a tuple (positional) or dict (keyword) of them. Values do not matter; all
            sizes but the batch are fixed by it. An input may have a batch of its own, of another size.
        output: Which output to explain, for a model that has several: a key, a position, or a function that picks it.
        free: Axes beside the batch that may vary too, by name, so that one graph serves texts of all lengths:
            `{1: "length"}`, or of one input `{"input_ids": {1: "length"}}`. Axes of one name are of one size.
        seed: For a model that draws at random while predicting: draw once, now, the same for every sample.

    Raises:
        ValueError: The model is in training mode, the example is no batch, or it has no such axes as in `free`.
        TraceError: torch.export cannot trace the model, it has several outputs and none is selected, it draws at
            random and there is no seed, or its code ties an axis that was to vary.

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
    axes = free_axes(leaves, structure, free)
    module = as_module(model)
    check_evaluating(module)
    replaced: set[str] = set()
    with no_python_draws(seed):
        exported, reads_buffers = _exported(isolated(module), Shown(leaves, structure, axes), output, replaced)
    graph = _graph_of(exported, structure)
    check_free(graph, axes)
    if kept := sorted(replaced & set(graph.params)):
        raise TraceError(
            f"the model reads {', '.join(kept)}, which it also replaces while predicting, so that equal calls differ; "
            "return values instead"
        )
    graph = replace(graph, source=source_of(module, graph.params, reads_buffers))
    return normal_form(without_draws(rewrite(graph, _single_values), seed))


class Shown(NamedTuple):
    """An example as tracing sees it, and its axes beside the batch that may vary."""

    leaves: list[Tensor]
    structure: pytree.TreeSpec
    free: list[dict[int, str]]

    @property
    def example(self) -> Example:
        return pytree.tree_unflatten(self.leaves, self.structure)


def _exported(
    model: nn.Module, given: Shown, output: Selector | None, replaced: set[str]
) -> tuple[ExportedProgram, bool]:
    """The model's program with the batch free, or, where its code ties it, of the caller's size; and whether the values
    of its buffers were read for it."""
    selecting = select_inside(copy_modules(model, {}), output, replaced)
    resized = given._replace(leaves=shown(given.leaves, given.free))
    try:
        exported = _export(selecting, resized)
        if _tied(exported, given) is None:
            return exported, False
    except Refused:
        raise
    except Exception:
        # its error would be in terms of another example than the caller's
        pass
    try:
        return _export(selecting, given), False
    except Exception as error:
        exported = _export_known(model, [resized, given], output, replaced)
        if exported is not None:
            return exported, True
        shapes = pytree.tree_map(lambda t: tuple(t.shape), given.example)
        raise explained(error, type(model).__name__, shapes, lambda: _run(model, given.example)) from error


def _export_known(
    model: nn.Module, examples: list[Shown], output: Selector | None, replaced: set[str]
) -> ExportedProgram | None:
    """Once more, with the values of buffers at hand; the last example as it is, every size a number. None if that
    fails too, which tells nothing more."""
    for given in examples:
        copied, buffers = with_known_buffers(model)
        try:
            with Known(buffers):
                return _export(select_inside(copied, output, replaced), given, fixed=given is examples[-1])
        except Refused:
            raise
        except Exception:
            continue
    return None


def _export(model: nn.Module, given: Shown, fixed: bool = False) -> ExportedProgram:
    args, kwargs = _arguments(given.example)
    bound = inspect.signature(model.forward).bind(*args, **kwargs)
    free = varying(given.leaves, given.free)
    axes = {id(t): free for t, free in zip(pytree.tree_leaves((args, kwargs)), free, strict=True)}
    shapes = None if fixed else pytree.tree_map(lambda t: axes[id(t)], dict(bound.arguments))
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
            env[node].meta["saved"] = names.get(node.name) in exported.state_dict
    any_layout(new)
    any_batch(new)
    new.lint()
    params = {names[n.name]: values[names[n.name]].detach() for n in env if n.name in names}
    return Graph(new, params, structure, _batch(exported))


def _inputs(exported: ExportedProgram) -> list[fx.Node]:
    names = set(exported.graph_signature.user_inputs)
    return [n for n in exported.graph.nodes if n.op == "placeholder" and n.name in names]


def _tied(exported: ExportedProgram, given: Shown) -> int | None:
    """A size that the model's code ties the trace to, of those that may vary; None if any will do."""
    free = varying(given.leaves, given.free)
    sizes = [n.meta["val"].shape[axis] for n, axes in zip(_inputs(exported), free, strict=True) for axis in axes]
    return next((tied for size in sizes if (tied := fixed_size(size)) is not None), None)


def _batch(exported: ExportedProgram) -> int | None:
    """The batch size that the model's code ties the trace to, by whichever input; None if any will do."""
    first, *others = [n.meta["val"].shape[0] for n in _inputs(exported)]
    alone = fixed_size(first) is None  # then one sample of another input is for all of them
    tied = [
        fixed_size(first),
        *(size for n in others if (size := fixed_size(n)) is not None and (size, alone) != (1, True)),
    ]
    return next((size for size in tied if size is not None), None)


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
