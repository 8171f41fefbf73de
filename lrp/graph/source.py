"""Where a graph's parameters live: whether the model that was traced is still as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

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
    baked: Mapping[str, tuple[Place, Stamp]] = field(default_factory=dict)

    def __reduce__(self) -> tuple[type[Source], tuple[()]]:
        return Source, ()

    def __deepcopy__(self, memo: object) -> Source:
        return Source()

    def stamps(self) -> list[Stamp]:
        """What changes when a parameter does: its identity, version and memory."""
        return [stamp(table.get(key)) for table, key in self.places]

    def stands(self, stamps: list[Stamp]) -> bool:
        """Whether nothing at all is other than it was; a few microseconds, since each explanation asks."""
        for (table, key), (identity, version, memory, _) in zip(self.places, stamps, strict=True):
            value: Any = table.get(key)
            if id(value) != identity or (version is not None and value._version != version):
                return False
            if memory is not None and value.data_ptr() != memory:
                return False
        return all(table.get(key) is module for (table, key), module in self.held.values()) and not self.baked

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """All places that are watched."""
        return (*self.tensors.values(), *self.beside.values())

    def changed(self, stamps: list[Stamp]) -> list[str]:
        """Names of the parameters that are not what they were when `stamps` were taken."""
        now = self.stamps()
        names = (*self.tensors, *self.beside)
        if now == stamps:
            return []
        return [name for name, one, other in zip(names, now, stamps, strict=True) if not one.stands(other)]

    def replaced(self) -> list[str]:
        """Names of what is no longer what was traced: other modules, or buffers whose values the trace has read."""
        modules = [name for name, ((table, key), module) in self.held.items() if table.get(key) is not module]
        baked = self.baked.items()
        return modules + [name for name, ((table, key), was) in baked if not stamp(table.get(key)).stands(was)]

    def params(self, known: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The parameters as the model has them now; those that are not its own from `known`.

        Raises:
            RuntimeError: One has another shape or type.
        """
        found = dict(known) | {name: table[key].detach() for name, (table, key) in self.tensors.items()}
        wrong = [n for n, was in known.items() if (found[n].shape, found[n].dtype) != (was.shape, was.dtype)]
        if wrong:
            raise RuntimeError(
                f"{', '.join(wrong[:3])} of the model has another shape or type than when traced: trace it again"
            )
        return found


class Stamp(NamedTuple):
    """What a tensor is: one that is written to, or whose place is taken, has another."""

    identity: int
    version: int | None
    memory: int | None
    kind: Any

    def stands(self, before: Stamp) -> bool:
        """Whether nothing has changed; a model moved to another type or device leaves what was made of it as it was."""
        if self == before:
            return True
        moved = self.kind != before.kind
        return moved and (self.identity != before.identity or self.version == before.version)


def stamp(value: Any) -> Stamp:
    """The stamp of a tensor; of what else is there, its identity."""
    if not isinstance(value, Tensor):
        return Stamp(id(value), None, None, None)
    version = None if value.is_inference() else value._version
    memory = value.data_ptr() if value.layout == torch.strided else None
    return Stamp(id(value), version, memory, (value.dtype, value.device))


def source_of(model: nn.Module, params: Mapping[str, Tensor], reads_buffers: bool) -> Source:
    """The source of a graph whose parameters are named by their places in the model."""
    modules = dict(model.named_modules(remove_duplicate=False))
    tensors = {name: place for name in params if (place := _place(modules, name)) is not None}
    owners = {name.rpartition(".")[0] for name in tensors}
    tables = {owner: modules[owner]._buffers for owner in sorted(owners)}
    buffers = {
        f"{owner}.{key}".lstrip("."): (table, key)
        for owner, table in tables.items()
        for key in table
        if table[key] is not None
    }
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
