"""The only file that names private parts of PyTorch: where a new version moves one of them, no other file changes.


Everything else of PyTorch that `lrp` uses is public.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack as outside_transforms
from torch._ops import OpOverload
from torch._subclasses.fake_impls import fast_detach
from torch._subclasses.fake_tensor import FakeTensor
from torch._subclasses.functional_tensor import dispatch_functionalize
from torch.fx.experimental.proxy_tensor import get_proxy_mode, get_proxy_slot, make_fx, track_tensor
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import _disable_current_modes as unseen_by_modes

with warnings.catch_warnings():  # sympy, which this imports, adds a filter of its own
    from torch.fx.experimental.symbolic_shapes import statically_known_true

FOLDER = Path(torch.__file__).parent
"""Where PyTorch's own code lies."""

__all__ = [
    "FOLDER",
    "OpOverload",
    "another",
    "argument_names",
    "dispatch_functionalize",
    "expression",
    "fake_mode_of",
    "fixed_size",
    "is_mutable",
    "is_without_values",
    "make_fx",
    "outside_transforms",
    "pytree",
    "recorded_as",
    "recorded_graph",
    "result_structure",
    "sample_share",
    "schema_arguments",
    "schema_name",
    "seen_size",
    "statically_known_true",
    "traced_calls",
    "unseen_by_modes",
    "variant",
]


@cache
def schema_name(op: OpOverload) -> str:
    """`conv2d` of `aten.conv2d.default`."""
    return op._schema.name.split("::")[-1]


def variant(op: OpOverload) -> str:
    """`default` of `aten.conv2d.default`."""
    return op._overloadname


@cache
def schema_arguments(op: OpOverload) -> dict[str, Any]:
    """Every argument's name with its default, None where it has none."""
    return {a.name: a.default_value if a.has_default_value() else None for a in op._schema.arguments}


@cache
def argument_names(op: OpOverload) -> list[str]:
    """Names of the arguments, in order."""
    return [argument.name for argument in op._schema.arguments]


def is_mutable(target: Any) -> bool:
    """Whether an operator writes into its arguments."""
    return isinstance(target, OpOverload) and target._schema.is_mutable


def fixed_size(size: int | torch.SymInt) -> int | None:
    """A size that a trace is tied to; None if it is free."""
    return size.node.maybe_as_int() if isinstance(size, torch.SymInt) else size


def seen_size(size: int | torch.SymInt) -> int:
    """A size as it was when the model was traced."""
    hint = size.node.hint if isinstance(size, torch.SymInt) else size
    assert hint is not None, "a size without an example"
    return hint


def sample_share(count: int | torch.SymInt, batch: torch.SymInt) -> int | None:
    """How many of `count` numbers belong to each of `batch` samples; None where it is no whole number for any batch."""
    each = count.node.expr / batch.node.expr if isinstance(count, torch.SymInt) else None
    return int(each) if each is not None and each.is_Integer else None


def fake_mode_of(value: Tensor) -> Any:
    """The mode in which a graph's fake values compute, a context manager."""
    return value.fake_mode  # type: ignore[attr-defined]


def traced_calls() -> list[fx.Node]:
    """What the running `make_fx` has recorded so far."""
    mode = get_proxy_mode()
    assert mode is not None, "nothing is being recorded"
    return [node for node in mode.tracer.graph.nodes if node.op == "call_function"]


def recorded_graph() -> fx.Graph:
    """What the running `make_fx` records into."""
    mode = get_proxy_mode()
    assert mode is not None, "nothing is being recorded"
    return mode.tracer.graph


def recorded_as(value: Tensor) -> fx.Node | None:
    """The node of a value in the running recording; None for a constant, which has none."""
    mode = get_proxy_mode()
    assert mode is not None, "nothing is being recorded"
    found = get_proxy_slot(value, mode.tracer, None)
    return None if found is None or found.constant is not None else found.proxy.node


def another(value: Tensor, node: fx.Node) -> Tensor:
    """A fake value like `value`, which `node` stands for in the running recording."""
    mode = get_proxy_mode()
    assert mode is not None and isinstance(value, FakeTensor), "nothing is being recorded"
    found = fast_detach(value.fake_mode, value)
    track_tensor(found, fx.Proxy(node, mode.tracer), constant=None, tracer=mode.tracer)
    return found


def is_without_values(value: Tensor) -> bool:
    """Whether a tensor is of a trace: its sizes and type alone."""
    return isinstance(value, FakeTensor)


def expression(size: Any) -> Any:
    """A number or what stands for it in a trace; equal sizes have equal ones."""
    return size.node.expr if isinstance(size, torch.SymInt | torch.SymFloat | torch.SymBool) else size


def result_structure(module: fx.GraphModule) -> tuple[Sequence[Any], pytree.TreeSpec]:
    """The values that a recorded function returns, and the tree that they are the leaves of."""
    values, own = pytree.tree_flatten(module.graph.output_node().args[0])
    return values, getattr(module.graph._codegen.pytree_info, "out_spec", None) or own  # type: ignore[attr-defined]
