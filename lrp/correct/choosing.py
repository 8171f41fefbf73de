"""Which correction to take: each is tried briefly and judged on held-out samples, by groups that nobody labelled."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lrp.correct.directions import activations
from lrp.correct.losses import paste
from lrp.correct.methods import correct
from lrp.correct.rewrites.projections import component
from lrp.correct.samples import Samples, split
from lrp.correct.selection import Located
from lrp.graph.graph import Graph

CANDIDATES = ("paste", "insensitive", "right-reasons", "project")
"""One of each family; of equal ones the first is taken. Not `last-layer`, which costs more accuracy than is allowed,
and minutes where classes are many."""
TOLERANCE = 0.01  # of the accuracy on held-out samples as they are
HELD_OUT = 0.3
PRIOR = 4.0  # samples of a group's prior, which is the accuracy of all: a group of two says little
BEFORE = "before"


class Tried(NamedTuple):
    """What a method does on the held-out samples: accuracy as they are, of the worst group, and which that is."""

    clean: float
    worst: float
    group: str


class Choice(NamedTuple):
    """A method, why it is taken, and what was compared: `before` is the model as it is."""

    method: str
    why: str
    tried: Mapping[str, Tried]
    failed: Mapping[str, str]
    """Methods that could not be tried, with the reason."""

    def __str__(self) -> str:
        lines = [f"{'tried on held-out samples':<26} as they are  worst group"]
        lines += [f"{name:<26} {one.clean:>11.3f}  {one.worst:.3f} ({one.group})" for name, one in self.tried.items()]
        return "\n".join([*lines, *(f"{name:<26} {said}" for name, said in self.failed.items())])


def choose(
    found: Located,
    data: Samples,
    *,
    candidates: Iterable[str] = CANDIDATES,
    tolerance: float = TOLERANCE,
    seed: int = 0,
    epochs: int = 30,
    **options: Any,
) -> Choice:
    """The method with the best worst group on held-out samples, whose accuracy there fell by the tolerance at most.

    Three tenths of the samples are held out, and each candidate is trained on the others for a third of the epochs. A
    group is a class in one of three states: with the artefact, as far as its direction tells; without; and without, the
    located artefact pasted on. Nobody needs to have labelled it. A group's accuracy is (hits + 4 mean) / (n + 4), as
    small groups say little.

    Args:
        found: Of `locate`.
        data: Training samples of all classes.
        candidates: Of `METHODS`.
        tolerance: How much accuracy may fall.
        seed: Of what is held out, and of training.
        epochs: Of the correction that is to follow.
        options: Further ones of `tune`.

    Raises:
        ValueError: No candidate can be tried.

    Warns:
        UserWarning: No candidate has a better worst group than the model as it is.

    Example:
        >>> import lrp
        >>> from lrp.correct import locate
        >>> _ = torch.manual_seed(0)
        >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(),
        ...                             torch.nn.Linear(64, 2)).eval()
        >>> x, members = torch.rand(80, 1, 6, 6) / 2, torch.arange(80) < 20
        >>> x[members, :, :2, :2] = 1
        >>> data, rows = Samples(x, (torch.arange(80) >= 40).long()), lrp.composites.epsilon_plus()
        >>> found = locate(lrp.trace(model, x[:1]), data, members, rows)
        >>> choice = choose(found, data, candidates=["paste", "project"], epochs=3, progress=False)
        >>> list(choice.tried)
        ['before', 'paste', 'project']
    """
    train, held = split(data, HELD_OUT, seed)
    known, unseen = _parted(found, held)
    judged = _grouped(found, held, unseen, _cut(found, data), seed)
    tried, failed = {BEFORE: _judged(found.graph, judged)}, {}
    for name in candidates:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of missing groups: the number tells
            try:
                after = correct(known, train, name, seed=seed, epochs=epochs // 3 + 1, **options)
            except ValueError as error:
                failed[name] = str(error)
            else:
                tried[name] = _judged(after, judged)
    if len(tried) == 1:
        raise ValueError(f"no method can be tried: {'; '.join(f'{name}: {said}' for name, said in failed.items())}")
    return Choice(*_best(tried, tolerance), tried, failed)


def _best(tried: Mapping[str, Tried], tolerance: float) -> tuple[str, str]:
    """The name, and why."""
    before, rest = tried[BEFORE], {name: one for name, one in tried.items() if name != BEFORE}
    within = {name: one for name, one in rest.items() if one.clean >= before.clean - tolerance}
    if not within:
        name = max(rest, key=lambda name: rest[name].clean)
        lost = before.clean - rest[name].clean
        return name, f"every method costs more than {tolerance:g} of the accuracy; this one least, {lost:.3f}"
    name = max(within, key=lambda name: within[name].worst)
    if within[name].worst <= before.worst:
        warnings.warn(
            f"no method has a better worst group on held-out samples than the model as it is ({before.worst:.2f}): the "
            "correction will do little; the selection may not hold what the model relies on",
            stacklevel=3,
        )
    why = f"its worst group on held-out samples is best, {within[name].worst:.2f} instead of {before.worst:.2f}"
    return name, f"{why}, of {len(within)} methods that keep the accuracy to {tolerance:g}"


class _Judged(NamedTuple):
    """Held-out samples as they are, then those without the artefact once more, with it; and the group of each."""

    x: Tensor
    y: Tensor
    group: list[str]
    plain: int
    """How many of them are as they are."""


def _parted(found: Located, held: Samples) -> tuple[Located, Samples]:
    """The located artefact without its held-out samples, and what is pasted to judge by: those samples, if any."""
    known = {x.cpu().numpy().tobytes() for x in held.x}
    out = torch.tensor([x.cpu().numpy().tobytes() in known for x in found.source.x])
    assert found.source.mask is not None
    masked = found.source.mask.flatten(1).any(1).cpu()
    if not (masked & ~out).any():
        out = torch.zeros_like(out)
    judging = (out if (out & masked).any() else ~out) & masked
    return replace(found, source=found.source.rows(~out)), found.source.rows(judging)


def _grouped(found: Located, held: Samples, unseen: Samples, cut: float, seed: int) -> _Judged:
    present = _score(found, held.x) > cut
    told = [
        f"class {y} {'with' if p else 'without'} it" for y, p in zip(held.y.tolist(), present.tolist(), strict=True)
    ]
    plain = held.rows(~present)
    if not len(unseen) or not len(plain):
        return _Judged(held.x, held.y, told, len(held))
    pasted = paste(plain.x, unseen, torch.Generator().manual_seed(seed))
    told += [f"class {y}, pasted" for y in plain.y.tolist()]
    return _Judged(torch.cat([held.x, pasted]), torch.cat([held.y, plain.y]), told, len(held))


def _score(found: Located, x: Tensor) -> Tensor:
    along = component(activations(found.graph, found.layer, x), found.v)
    return along.flatten(1).amax(1) if along.ndim > 1 else along


def _cut(found: Located, data: Samples) -> float:
    """Halfway between the medians along the direction: of the selection, and of the rest of its classes."""
    known = {x.cpu().numpy().tobytes() for x in found.source.x}
    outside = torch.tensor([x.cpu().numpy().tobytes() not in known for x in data.x])
    same = outside & torch.isin(data.y, found.source.y.unique()).cpu()
    rest = same if same.any() else outside
    if not rest.any():
        return float("-inf")
    return float(_score(found, found.source.x).median() + _score(found, data.x[rest]).median()) / 2


def _judged(graph: Graph, judged: _Judged) -> Tried:
    with torch.no_grad():
        told = torch.cat([graph(graph.params, x).argmax(1) for x in judged.x.split(256)])
    right = (told == judged.y).double().cpu()
    mean = float(right.mean())
    worst = {}
    for name in dict.fromkeys(judged.group):
        some = right[torch.tensor([group == name for group in judged.group])]
        worst[name] = (float(some.sum()) + PRIOR * mean) / (len(some) + PRIOR)
    name = min(worst, key=worst.__getitem__)
    return Tried(float(right[: judged.plain].mean()), worst[name], name)
