"""What a project was made with, in project.json: enough to tell whether a run is the one that was begun there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lrp.attribution.methods import Method
from lrp.dataset.reading.inputs import PREFIX
from lrp.explain.one_call import Explainer
from lrp.graph.graph import Graph
from lrp.rules import Rule
from lrp.saved.file import Loaded
from spray import store
from spray.files import make_folder

IDENTITY = "identity"
"""The note of a saved explainer that holds the fingerprint of what was saved."""

LONGEST, HEAD = 80, 24  # characters of a setting that are shown


def agree(path: Path, settings: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Write project.json, or check that the run described there is this one.

    Raises:
        ProjectError: It is another run; every difference is listed in one line, nothing is changed.
    """
    settings = json.loads(json.dumps(settings))
    make_folder(path)
    with store.locked(path):
        if (path / "project.json").exists():
            before = store.read_project(path)
            _refuse_other(path, before.get("settings"), settings)
            if "samples" in facts and "samples" not in before:  # a project of ours up to 0.2
                store.add_facts(path, samples=facts["samples"])
        elif store.parts(path):
            raise store.ProjectError(f"{path} has attributions but no project.json: give another folder")
        else:
            store.write_project(path, **facts, composite=settings.get("composite"), settings=settings)


def _refuse_other(path: Path, before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> None:
    if before is None:
        raise store.ProjectError(f"{path} is a project that attribute_dataset did not write: give another folder")
    changed = sorted(key for key in now.keys() | before.keys() if before.get(key) != now.get(key))
    # what is known of inputs depends on the first one, and projects up to 0.2 know nothing of it
    changed = [key for key in changed if not key.startswith(PREFIX) or (key in before and key in now)]
    if changed:
        found = "; ".join(f"{key}: {_difference(before.get(key), now.get(key))}" for key in changed)
        raise store.ProjectError(
            f"{path} holds another run, it differs in {found}: give another folder, or delete this one"
        )


def _difference(before: Any, now: Any) -> str:
    """Both values in a line; of long ones the beginning, and where they differ."""
    texts = [" ".join(str(value).split()) for value in (before, now)]
    same = next((at for at, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), min(map(len, texts)))
    start = same - HEAD // 2 if max(map(len, texts)) > LONGEST else 0
    there, here = (_around(text, start) for text in texts)
    return f"{there} there, {here} now"


def _around(text: str, start: int) -> str:
    shown = text[start : start + LONGEST] if start > HEAD else text[:LONGEST]
    before = f"{text[:HEAD]} ... " if start > HEAD else ""
    return before + shown + (" ..." if not text.endswith(shown) else "")


def identity(methods: Mapping[str, Any]) -> dict[str, Any]:
    """What identifies methods and their models: texts for people, digests for the rest; the first one's at the top."""
    (_, first), *others = methods.items()
    found = {"method": _name(first), **fingerprint(first)}
    return found | {f"method {name}": {"method": _name(other), **fingerprint(other)} for name, other in others}


def fingerprint(source: Any) -> dict[str, Any]:
    """Digests of what a method rests on: its model's weights, its composite, tensors among its options."""
    if isinstance(source, Method):
        tensors = {key: value for key, value in source.options if isinstance(value, Tensor)}
        inner = {f"option {k}": fingerprint(v) for k, v in source.options if isinstance(v, Method | Explainer)}
        return fingerprint(source.of) | inner | ({"options": digest(tensors)} if tensors else {})
    if isinstance(source, Loaded):
        if IDENTITY in source.facts["notes"]:  # of what it was saved from: both may go on with one project
            return source.facts["notes"][IDENTITY]
        return {"saved": source.facts["digest"], "composite": source.facts["composite"]}
    if isinstance(source, Explainer):
        composite = source.program.composite
        return fingerprint(source.program.graph) | {"composite": describe(composite)}
    if isinstance(source, Graph):
        architecture = hashlib.sha256(str(source.fx).encode()).hexdigest()[:16]
        return {"weights": digest(source.params), "architecture": architecture}
    if isinstance(source, nn.Module):
        return {"weights": digest(source.state_dict()), "architecture": repr(source)}
    return {}


def _name(method: Any) -> str:
    if isinstance(method, Explainer):
        return "LRP"
    return str(method) if isinstance(method, Method) else getattr(method, "__qualname__", type(method).__qualname__)


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
