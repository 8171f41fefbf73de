"""What can be traced: modules, exported programs, and files of them."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import nn
from torch.export import ExportedProgram

from lrp.graph.export.errors import TraceError

Model = nn.Module | ExportedProgram | str | os.PathLike[str]
"""A module, an exported program, or the path of one (`.pt2`)."""


def as_module(model: Model) -> nn.Module:
    """The module behind what was given.

    Raises:
        TraceError: A scripted model, or a file that is no exported program.
        TypeError: Nothing that can be called as a model.
    """
    if isinstance(model, str | os.PathLike):
        model = _read(Path(model))
    if isinstance(model, ExportedProgram):
        return model.module()
    if isinstance(model, torch.jit.ScriptModule):
        raise TraceError("a scripted model has no Python code to trace; give the nn.Module that it was made from")
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"the model must be an nn.Module, an ExportedProgram or the path of a .pt2 file, got {model!r:.80}"
        )
    return getattr(model, "_orig_mod", model)  # of torch.compile


def _read(path: Path) -> ExportedProgram:
    if not path.exists():
        raise FileNotFoundError(f"no such file: {path}")
    try:
        return torch.export.load(path)
    except Exception as error:
        raise TraceError(
            f"{path} is no program that torch.export.save wrote: {str(error).strip().splitlines()[0]}"
        ) from error


def check_evaluating(model: nn.Module) -> None:
    """Explanations are of the model that predicts: dropout off, batch norm on its running statistics.

    An exported program has no mode any more: what trains in it is found among its operators.
    """
    training = [name or type(module).__name__ for name, module in _own(model) if module.training]
    if training:
        shown = ", ".join(training[:3]) + (f" and {len(training) - 3} more" if len(training) > 3 else "")
        raise ValueError(f"the model is in training mode ({shown}); call model.eval() first")


def _own(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """The modules that have a mode."""
    named = list(model.named_modules())
    without = tuple(name for name, module in named if _is_program(module))
    return [(n, m) for n, m in named if not any(n == w or not w or n.startswith(w + ".") for w in without)]


def _is_program(module: nn.Module) -> bool:
    """PyTorch gives the module of an exported program an `eval` that refuses."""
    return isinstance(module, torch.fx.GraphModule) and "eval" in vars(module)
