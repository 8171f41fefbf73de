"""Where a graph's parameters live: whether the model that was traced is still as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

Place = tuple[dict[str, Any], str]
"""A module's table and the key in it, such as `(linear._parameters, "weight")`."""


@dataclass(frozen=True, eq=False)
class Source:
    """The model of a graph: where each parameter is looked up, and what must be what it was.

    `tensors` has the place of each of the graph's parameters that is the model's own, `beside` those of other buffers
    of the same modules (batch norm writes its statistics without a mark, but counts its batches), `held` each module
    and its place, `baked` the places of buffers whose values the trace has read as numbers. A copy of it, also a
    pickled one, knows no model: it stands for itself and never changes.
    """

    tensors: Mapping[str, Place] = field(default_factory=dict)
    beside: Mapping[str, Place] = field(default_factory=dict)
    held: Mapping[str, tuple[Place, nn.Module]] = field(default_factory=dict)
    baked: Mapping[str, tuple[Place, Any]] = field(default_factory=dict)

    def __reduce__(self) -> tuple[type[Source], tuple[()]]:
        return Source, ()

    def __deepcopy__(self, memo: object) -> Source:
        return Source()

    def stamps(self) -> list[Any]:
        """What changes when a parameter does: its identity, version and memory."""
        return [stamp(table.get(key)) for table, key in (*self.tensors.values(), *self.beside.values())]

    def changed(self, stamps: list[Any]) -> list[str]:
        """Names of the parameters that are not what they were when `stamps` were taken."""
        now = self.stamps()
        names = (*self.tensors, *self.beside)
        return [] if now == stamps else [n for n, a, b in zip(names, now, stamps, strict=True) if a != b]

    def replaced(self) -> list[str]:
        """Names of what is no longer what was traced: other modules, or buffers whose values the trace has read."""
        modules = [name for name, ((table, key), module) in self.held.items() if table.get(key) is not module]
        return modules + [name for name, ((table, key), was) in self.baked.items() if stamp(table.get(key)) != was]

    def params(self, known: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The parameters as the model has them now; those that are not its own from `known`.

        Raises:
            RuntimeError: One has another shape.
        """
        found = dict(known) | {name: table[key].detach() for name, (table, key) in self.tensors.items()}
        if wrong := [name for name in known if found[name].shape != known[name].shape]:
            raise RuntimeError(
                f"{', '.join(wrong[:3])} of the model has another shape than when traced: trace it again"
            )
        return found


def stamp(value: Any) -> Any:
    """What a tensor is, by identity, version and memory; what else is there, by identity."""
    if not isinstance(value, Tensor):
        return id(value)
    version = None if value.is_inference() else value._version
    return id(value), version, value.data_ptr() if value.layout == torch.strided else None


def source_of(model: nn.Module, params: Mapping[str, Tensor], reads_buffers: bool) -> Source:
    """The source of a graph whose parameters are named by their places in the model."""
    modules = dict(model.named_modules(remove_duplicate=False))
    tensors = {name: place for name in params if (place := _place(modules, name)) is not None}
    owners = {name.rpartition(".")[0] for name in tensors}
    tables = {owner: modules[owner]._buffers for owner in sorted(owners)}
    buffers = {f"{owner}.{key}".lstrip("."): (table, key) for owner, table in tables.items() for key in table}
    held = {}
    for name, module in modules.items():
        parent, _, key = name.rpartition(".")
        if name:
            held[name] = (modules[parent]._modules, key), module
    read = [name for name, _ in model.named_buffers()] if reads_buffers else []
    places = {name: place for name in read if (place := _place(modules, name)) is not None}
    baked = {name: ((table, key), stamp(table.get(key))) for name, (table, key) in places.items()}
    return Source(tensors, {name: place for name, place in buffers.items() if name not in tensors}, held, baked)


def _place(modules: Mapping[str, nn.Module], name: str) -> Place | None:
    """Where the model keeps the tensor of that name; None for a constant of the trace."""
    parent, _, key = name.rpartition(".")
    if parent not in modules:
        return None
    owner = modules[parent]
    tables = (owner._parameters, owner._buffers, vars(owner))
    return next(((table, key) for table in tables if isinstance(table.get(key), Tensor)), None)
