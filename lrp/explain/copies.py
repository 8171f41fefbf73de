"""Programs for another process, and copies of them: the graph and the composite, from which all else is made again."""

from __future__ import annotations

import pickle
from typing import Any

from torch import fx

from lrp.composites.serialize import from_json, to_json
from lrp.graph.export.pickled import from_bytes, to_bytes
from lrp.transform.program import Program, relprop


def written(program: Program) -> tuple[bytes, str, bool, tuple[str, ...]]:
    """A program as plain data.

    Raises:
        pickle.PicklingError: The composite has a rule or predicate that only Python code can name.
    """
    try:
        composite = to_json(program.composite)
    except ValueError as error:
        raise pickle.PicklingError(
            f"{error}; such an explainer is made anew in each process: lrp.explainer(model, example, composite)"
        ) from error
    return to_bytes(program.graph), composite, is_compiled(program), program.checkpoint


def read(graph: bytes, composite: str, compiled: bool, checkpoint: tuple[str, ...] = ()) -> Program:
    """The inverse of `written`."""
    return _made(relprop(from_bytes(graph), from_json(composite), checkpoint=checkpoint), compiled)


def copied(program: Program) -> Program:
    """A program that shares no tensor with this one."""
    again = relprop(from_bytes(to_bytes(program.graph)), program.composite, checkpoint=program.checkpoint)
    return _made(again, is_compiled(program))


def is_compiled(program: Program) -> bool:
    """Whether the parts are compiled."""
    part: Any = program.forward
    return not isinstance(part, fx.GraphModule)


def _made(program: Program, compiled: bool) -> Program:
    return program.compiled() if compiled else program
