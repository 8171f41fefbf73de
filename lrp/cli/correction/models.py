"""A corrected model as a file: an exported program, or its weights."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

import lrp
from lrp.cli.errors import Unusable
from lrp.graph.graph import Graph
from spray.files import replacing, write_bytes


def _exported(graph: Graph, x: Tensor, out: Path) -> None:
    program = torch.export.export(lrp.as_module(graph), (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    with replacing(out) as temporary:
        named = temporary.with_name(temporary.name + ".pt2")  # torch wants that ending
        torch.export.save(program, named)
        named.replace(temporary)


def _state(graph: Graph, x: Tensor, out: Path) -> None:
    del x
    with replacing(out) as temporary:
        torch.save(lrp.as_module(graph).state_dict(), temporary)


def _safe(graph: Graph, x: Tensor, out: Path) -> None:
    from safetensors.torch import save

    del x
    content = save({name: value.contiguous() for name, value in lrp.as_module(graph).state_dict().items()})
    write_bytes(out, content)


def _onnx(graph: Graph, x: Tensor, out: Path) -> None:
    program = torch.onnx.export(
        lrp.as_module(graph), (x,), dynamo=True, dynamic_shapes=({0: torch.export.Dim("batch")},), verbose=False
    )
    assert program is not None
    with replacing(out) as temporary:
        program.save(temporary)


WRITERS = {".onnx": _onnx, ".pt2": _exported, ".pt": _state, ".safetensors": _safe}
"""By the ending of a file, what writes a graph there, given an example of its input."""


def writer(out: Path) -> Callable[[Graph, Tensor, Path], None]:
    """What writes such a file; asked for before anything is computed.

    Raises:
        Unusable: Nothing does, or what it needs is not installed.
    """
    if out.suffix not in WRITERS:
        raise Unusable(f"--out {out}: give a file that ends in {', '.join(WRITERS)}")
    if out.suffix == ".onnx" and (missing := [name for name in ("onnx", "onnxscript") if find_spec(name) is None]):
        raise Unusable(
            f"--out {out}: install {' and '.join(missing)}, which PyTorch's export to ONNX needs, or give .pt2"
        )
    return WRITERS[out.suffix]
