"""Checkpoints: of a prediction only the outputs of some layers are kept, the rest is computed again on the way back."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from lrp.graph.graph import Graph


def blocks(graph: Graph, patterns: Sequence[str]) -> tuple[str, ...]:
    """The layers whose outputs are kept, one for each use of a module.

    Args:
        patterns: Globs of whole module paths, such as `encoder.layer.*`; a layer inside of another that fits is none.

    Raises:
        ValueError: A pattern fits no layer.

    Example:
        >>> import torch, lrp
        >>> layers = [torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU()) for _ in range(2)]
        >>> graph = lrp.trace(torch.nn.Sequential(*layers).eval(), torch.zeros(1, 2))
        >>> blocks(graph, ["*"])
        ('0', '1')
    """
    paths = list(dict.fromkeys(path for node in graph.fx.nodes for path in node.meta.get("calls", {}) if path))
    found: dict[str, None] = {}
    for pattern in patterns:
        fitting = [path for path in paths if fnmatchcase(path, pattern)]
        if not fitting:
            raise ValueError(f"checkpoint: no layer fits {pattern!r}; there are {', '.join(paths[:8])}, ...")
        outer = [path for path in fitting if not any(path.startswith(f"{other}.") for other in fitting)]
        found |= dict.fromkeys(outer)
    return tuple(use for path in found for use in _uses(graph, path))


def _uses(graph: Graph, path: str) -> list[str]:
    count = len(graph.uses(path))
    return [path] if count == 1 else [f"{path}#{number + 1}" for number in range(count)]
