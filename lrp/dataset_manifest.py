"""What a project was made with, in project.json: enough to tell whether a run is the one that was begun there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lrp.dataset_shards import project_lock
from lrp.explain import Explainer
from lrp.rules import Rule
from spray import store


def agree(path: Path, settings: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Write project.json, or check that the run described there is this one.

    Raises:
        ProjectError: It is another run; every difference is listed, nothing is changed.
    """
    settings = json.loads(json.dumps(settings))
    with project_lock(path):
        if (path / "project.json").exists():
            _refuse_other(path, store.read_project(path).get("settings"), settings)
        elif store.parts(path):
            raise store.ProjectError(f"{path} has attributions but no project.json: give another folder")
        else:
            store.write_project(path, **facts, composite=settings.get("composite"), settings=settings)


def _refuse_other(path: Path, before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> None:
    if before is None:
        raise store.ProjectError(f"{path} is a project that attribute_dataset did not write: give another folder")
    changed = [key for key in now.keys() | before.keys() if before.get(key) != now.get(key)]
    if changed:
        lines = [f"  {key}: {before.get(key)} there, {now.get(key)} now" for key in sorted(changed)]
        raise store.ProjectError(
            f"{path} holds another run, it differs in\n"
            + "\n".join(lines)
            + "\ngive another folder, or delete this one"
        )


def fingerprint(explain: Callable[..., Any]) -> dict[str, str]:
    """What identifies a method and its model: texts for people, digests for the rest."""
    if not isinstance(explain, Explainer):
        return {"explain": getattr(explain, "__qualname__", type(explain).__qualname__)}
    graph, composite = explain.program.graph, explain.program.composite
    return {
        "composite": describe(composite),
        "weights": digest(graph.params),
        "architecture": hashlib.sha256(str(graph.fx).encode()).hexdigest()[:16],
    }


def describe(composite: Sequence[tuple[Any, Rule]]) -> str:
    """A composite as text; tensors among its options, bounds of an input say, by their values or a digest."""
    tensors = {
        f"{rule.name}.{option}": value
        for _, rule in composite
        for option, value in rule.options
        if isinstance(value, Tensor)
    }
    notes = [
        f"{name} = {value.flatten().tolist() if value.numel() <= 12 else digest({name: value})}"
        for name, value in tensors.items()
    ]
    return "\n".join([repr(composite), *notes])


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of names, types, shapes and values."""
    state = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        state.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        state.update(flat.view(torch.uint8).numpy().data)
    return state.hexdigest()
