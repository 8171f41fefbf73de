"""The PyTorch bridge: nn.Module -> Graph, by torch.export. The module is read, never written."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import Dim, ExportedProgram

from lrp.graph import Graph, rewrite
from lrp.ops import Item


class TraceError(RuntimeError):
    """The model could not be turned into a graph; the message says why and what to do."""


def trace(model: nn.Module, example: Tensor) -> Graph:
    """Turn a module into a functional graph and its parameters, `graph(graph.params, x) == model(x)`.

    Args:
        model: Any module in evaluation mode that `torch.export` accepts. It is not modified: same Parameter objects,
            same `state_dict`, same hooks before and after, also after an error.
        example: An input, `(batch, ...)`; its values do not matter, all sizes but the batch are fixed by it.

    Raises:
        ValueError: The model is in training mode.
        TraceError: torch.export cannot trace the model.

    Example:
        >>> import torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval()
        >>> graph = lrp.trace(model, torch.zeros(1, 3))
        >>> x = torch.randn(5, 3)
        >>> torch.equal(graph(graph.params, x), model(x))
        True
    """
    check_evaluating(model)
    if not isinstance(example, Tensor) or example.ndim == 0 or example.shape[0] == 0:
        shape = tuple(example.shape) if isinstance(example, Tensor) else type(example).__name__
        raise ValueError(f"example must be a tensor (batch, ...) with at least one sample, got {shape}")
    # torch.export takes sizes 0 and 1 for constants, so a single example is shown twice
    exported = _export(model, torch.cat([example, example]) if example.shape[0] == 1 else example)
    if example.shape[0] == 1 and isinstance(_batch(exported), int):
        exported = _export(model, example)
    return rewrite(_graph_of(exported), _single_values)


def check_evaluating(model: nn.Module) -> None:
    """Explanations are of the model that predicts: dropout off, batch norm on its running statistics."""
    training = [name or type(module).__name__ for name, module in model.named_modules() if module.training]
    if training:
        shown = ", ".join(training[:3]) + (f" and {len(training) - 3} more" if len(training) > 3 else "")
        raise ValueError(f"the model is in training mode ({shown}); call model.eval() first")


def _export(model: nn.Module, example: Tensor) -> ExportedProgram:
    try:
        with _unrecorded(), torch.no_grad():
            exported = torch.export.export(model, (example.detach(),), dynamic_shapes=({0: Dim.AUTO},))
            return exported.run_decompositions({})
    except Exception as error:
        raise TraceError(
            f"torch.export could not trace {type(model).__name__} on an input of shape {tuple(example.shape)}: "
            f"{str(error).strip().splitlines()[0]}\nThe model must run on the example and must not branch in Python on "
            "the values of tensors; see the error above for the line. Move such code out of forward, or wrap it."
        ) from error


@contextmanager
def _unrecorded() -> Iterator[None]:
    """Silence PyTorch's notices about its own internals; they tell a user nothing to act on."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, module=r"copyreg|torch\..*")
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"copyreg|torch\..*")
        yield


def _graph_of(exported: ExportedProgram) -> Graph:
    """Our graph from an exported program: parameters by their module names, layers by their module paths."""
    signature = exported.graph_signature
    values: dict[str, Any] = dict(exported.state_dict) | dict(exported.constants)
    names = {spec.arg.name: spec.target for spec in signature.input_specs if spec.target is not None}  # type: ignore[union-attr]
    outputs = list(signature.user_outputs)
    mutated = [*signature.buffers_to_mutate.values(), *signature.user_inputs_to_mutate.values()]
    if mutated:
        raise TraceError(f"the model writes to {', '.join(map(str, mutated))} while predicting; return values instead")
    if len(signature.user_inputs) != 1 or len(outputs) != 1:
        raise TraceError(
            f"the model must map one tensor to one tensor, it has {len(signature.user_inputs)} inputs and "
            f"{len(outputs)} outputs; wrap it in a module that selects them"
        )
    new, env = fx.Graph(), {}
    for node in exported.graph.nodes:
        if node.op == "output":
            new.output(env[next(n for n in node.all_input_nodes if n.name == outputs[0])])
        elif node.op == "placeholder" and not node.users and node.name in names:
            continue
        else:
            env[node] = new.node_copy(node, env.__getitem__)
            env[node].meta = _meta(node, names)
    new.lint()
    params = {names[n.name]: values[names[n.name]].detach() for n in env if n.name in names}
    batch = _batch(exported)
    return Graph(new, params, batch=batch if isinstance(batch, int) else None)


def _batch(exported: ExportedProgram) -> int | torch.SymInt:
    """The batch size of the trace: a symbol, or a number where the model's code ties it down."""
    (name, *_) = exported.graph_signature.user_inputs
    return next(n.meta["val"].shape[0] for n in exported.graph.nodes if n.name == name)


def _meta(node: fx.Node, names: dict[str, str]) -> dict[str, Any]:
    paths = [path for path, _ in node.meta.get("nn_module_stack", {}).values() if not path.startswith("_empty")]
    meta = {"val": node.meta.get("val"), "layer": paths[-1] if paths else ""}
    return meta | ({"param": names[node.name]} if node.name in names else {})


def _single_values(builder: Any, node: fx.Node) -> fx.Node | None:
    """`getitem(op(...), i)` becomes one node, so that every node has one tensor as its value."""
    if node.target is not operator.getitem or not isinstance(node.args[0], fx.Node):
        return None
    source, index = node.args
    args, kwargs = torch.fx.node.map_arg((source.args, source.kwargs), builder.env.__getitem__)  # type: ignore[union-attr]
    return builder.call(Item(source.target, index), *args, like=node, **kwargs)  # type: ignore[union-attr, arg-type]
