"""Why a model could not be traced: the line of its code, and the advice that applies."""

from __future__ import annotations

import linecache
import os
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lrp._torch import FOLDER

OURS = tuple(f"{folder}{os.sep}" for folder in (FOLDER, Path(__file__).parents[2]))
"""Folders of PyTorch and of `lrp`: a line in them is not the user's."""

HINTS = {
    str(
        Path("torchvision", "transforms")
    ): "A normalization inside the model cannot be traced as torchvision writes it: "
    "normalize before the model, `lrp.Normalization(mean, std)(images)`, or subtract and divide by buffers.",
}
"""What to say instead of general advice where the line is in such a file."""


class TraceError(RuntimeError):
    """The model could not be turned into a graph; the message says why and what to do."""

    @property
    def partial_fx_graph(self) -> None:
        """PyTorch hangs its half graph on an error, and prints all of it on stderr if it finds it there again."""
        raise AttributeError

    @partial_fx_graph.setter
    def partial_fx_graph(self, value: object) -> None:
        del value


class Refused(TraceError):
    """The model does something that no other way of tracing it changes."""


class OutputError(Refused):
    """Which of the model's outputs to explain is not said, or there is no such output."""


class ForwardError(TraceError):
    """The model's own code failed on the values that hide their numbers; the cause says how."""


def explained(error: BaseException, name: str, shown: Any, run: Callable[[], Any]) -> TraceError:
    """The error to raise for one of tracing: what, where in the user's code, and what to do."""
    error = error.__cause__ if isinstance(error, ForwardError) and error.__cause__ else error
    first = next(iter(str(error).strip().splitlines()), type(error).__name__)
    place = next(_places(error), None)
    where = f"\n  at {place[0]}:{place[1]}: {place[2]}" if place else ""
    return TraceError(
        f"torch.export could not trace {name} on an input of shape {shown}: {first}{where}\n"
        f"{_advice(error, place[0] if place else '', run)}"
    )


def _places(error: BaseException) -> Iterator[tuple[str, int, str]]:
    """File, line and code of the user's calls, the innermost first."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith((*OURS, "<frozen")) and frame.lineno is not None:
            yield frame.filename, frame.lineno, (frame.line or linecache.getline(frame.filename, frame.lineno)).strip()


def _advice(error: BaseException, file: str, run: Callable[[], Any]) -> str:
    hint = next((hint for part, hint in HINTS.items() if part in file), None)
    if hint:
        return hint
    try:
        run()
    except Exception as own:
        return (
            f"The model itself fails on this input ({type(own).__name__}); give an example that it can be called with."
        )
    if _depends_on_values(error):
        return (
            "The model must not branch in Python on the values of tensors, nor read them as numbers: "
            "use torch.where there, or move that code out of forward."
        )
    return (
        "torch.export cannot follow that code, though the model runs: move it out of forward, or write it in tensors."
    )


def _depends_on_values(error: BaseException) -> bool:
    return "DataDependent" in type(error).__name__ or "data-dependent" in str(error)
