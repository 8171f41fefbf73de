"""Values that a model knows without its input: computed while it is traced, where its code reads them as numbers.

`torch.export` hides the value of every tensor, also of a constant one, so that `sizes.tolist()` or `if mask.any():`
cannot be traced. Networks converted from ONNX consist of that: every size and axis is a buffer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from lrp._torch import pytree, unseen_by_modes
from lrp.graph.export.isolated import copy_modules

MAKERS: frozenset[Callable[..., Any]] = frozenset(
    [torch.tensor, torch.as_tensor, torch.arange, torch.zeros, torch.ones, torch.full]
)
"""What makes a tensor of numbers alone."""


class Known(TorchFunctionMode):
    """Compute at once, beside the trace, what depends on known tensors only.

    Raises:
        RuntimeError: In the traced code: a buffer is written to, or a known tensor by one that is not, or it is random.
    """

    def __init__(self, buffers: Sequence[Tensor]) -> None:
        super().__init__()
        self.buffers = buffers
        self.values = {id(value): value for value in buffers}  # held, so that no other tensor gets the same id

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        leaves = pytree.tree_leaves((args, kwargs))
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        known = [tensor for tensor in tensors if id(tensor) in self.values]
        if len(known) == len(tensors) and (tensors or (func in MAKERS and not any(map(_is_symbolic, leaves)))):
            return self._computed(func, args, kwargs)
        written = pytree.tree_leaves((args[:1], kwargs.get("out")))
        if _writes(func, kwargs) and any(leaf is tensor for leaf in written for tensor in known):
            raise RuntimeError("the model writes values that depend on its input into a constant tensor")
        return func(*args, **kwargs)

    def _computed(self, func: Any, args: Any, kwargs: Any) -> Any:
        with unseen_by_modes():
            before = torch.get_rng_state()
            result = func(*args, **kwargs)
            if not torch.equal(before, torch.get_rng_state()):
                torch.set_rng_state(before)
                raise RuntimeError(f"{getattr(func, '__name__', func)} draws at random")
            if any(buffer._version for buffer in self.buffers):
                raise RuntimeError("the model writes to a buffer while predicting")
        self.values |= {id(leaf): leaf for leaf in pytree.tree_leaves(result) if isinstance(leaf, Tensor)}
        return result


def _is_symbolic(leaf: Any) -> bool:
    """Whether a number, or one of a shape, is not known before the batch is."""
    numbers = leaf if isinstance(leaf, torch.Size) else [leaf]
    return any(isinstance(number, torch.SymInt | torch.SymFloat | torch.SymBool) for number in numbers)


def _writes(func: Any, kwargs: dict[str, Any]) -> bool:
    """Whether a function changes its argument: `add_`, `__iadd__`, `__setitem__`, `out=`, by PyTorch's names."""
    name = getattr(func, "__name__", "")
    private = name.startswith("__")
    in_place = private and name.startswith("__i") and name not in ("__int__", "__index__", "__invert__")
    return in_place or name in ("__setitem__", "__set__") or (name.endswith("_") and not private) or "out" in kwargs


def with_known_buffers(model: nn.Module) -> tuple[nn.Module, list[Tensor]]:
    """The same model, sharing parameters, with its buffers as plain tensors of their own; and these.

    The copy's modules and tables are its own, so that nothing is written to the model. Buffers beside parameters, such
    as running statistics, stay what they are.
    """
    new = copy_modules(model, {})
    known: list[Tensor] = []
    for module in new.modules():
        if not any(parameter is not None for parameter in module._parameters.values()):
            taken = {name: buffer.detach().clone() for name, buffer in module._buffers.items() if buffer is not None}
            module._buffers.clear()
            module.__dict__.update(taken)
            known += taken.values()
    return new, known
