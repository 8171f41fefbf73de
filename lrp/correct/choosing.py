"""Which correction to take: each is tried briefly and judged on other samples, by groups that nobody labelled."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lrp.correct.exchange import carrying
from lrp.correct.losses import paste
from lrp.correct.methods import correct
from lrp.correct.samples import Samples, split, unseen
from lrp.correct.selection import Located
from lrp.graph.graph import Graph

CANDIDATES = ("paste", "exchange", "insensitive", "right-reasons", "project")
"""One of each family; of equal ones the first is taken. Not `last-layer`, which costs more accuracy than is allowed,
and minutes where classes are many."""
TOLERANCE = 0.01  # of the accuracy on samples as they are
HELD_OUT = 0.3
ONE_SIDED = 1.645  # standard errors: 95 %
PRIOR = 4.0  # samples of a group's prior, which is the accuracy of all: a group of two says little
BEFORE = "before"


class Tried(NamedTuple):
    """What a method does on the samples it is judged by: accuracy as they are, of the worst group, and which that is.

    `lost` is the accuracy that is lost as they are, and `gained` what the group gains that was worst before: at least
    so much with 95 % confidence, see `at_least`.
    """

    clean: float
    worst: float
    group: str
    lost: float = 0.0
    gained: float = 0.0


class Choice(NamedTuple):
    """A method, why it is taken, and what was compared: `before` is the model as it is."""

    method: str
    why: str
    tried: Mapping[str, Tried]
    failed: Mapping[str, str]
    """Methods that could not be tried, with the reason."""
    judged_on: str = ""
    """How many samples, and whether the model had seen them."""

    def __str__(self) -> str:
        head = f"{'method':<18} as they are  lost at least  worst group before gains at least  worst group"
        lines = [f"judged on {self.judged_on}", head]
        lines += [
            f"{name:<18} {one.clean:>11.3f}  {one.lost:>13.3f}  {one.gained:>33.3f}  {one.worst:.3f} ({one.group})"
            for name, one in self.tried.items()
        ]
        return "\n".join([*lines, *(f"{name:<18} {said}" for name, said in self.failed.items())])


def choose(
    found: Located,
    data: Samples,
    *,
    validation: Samples | None = None,
    candidates: Iterable[str] = CANDIDATES,
    tolerance: float = TOLERANCE,
    seed: int = 0,
    epochs: int = 30,
    **options: Any,
) -> Choice:
    """The method with the best worst group, of those that are not shown to lose more accuracy than the tolerance.

    Each candidate is trained for a third of the epochs, and judged on samples that the model has not seen; without
    them, on three tenths of the training samples, which are held out of this training but not of the model's: on these
    it is nearly always right, and what a method costs or gains is understated. A group is a class in one of three
    states: with the artefact, as far as its direction tells or the samples say; without; and without, the located
    artefact pasted on. A group's accuracy is (hits + 4 mean) / (n + 4), as small groups say little. Losses and gains
    are paired: the same samples before and after.

    Args:
        found: Of `locate`.
        data: Training samples of all classes.
        validation: Samples of all classes that the model was not trained on; with `artefact`, which carry it.
        candidates: Of `METHODS`.
        tolerance: How much accuracy may fall.
        seed: Of what is held out, and of training.
        epochs: Of the correction that is to follow.
        options: Further ones of `tune`.

    Raises:
        ValueError: No candidate can be tried, or no validation sample is new or fits.

    Warns:
        UserWarning: No candidate has a better worst group than the model as it is, or validation samples are among
            the training samples.

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
        >>> list(choice.tried), choice.judged_on
        (['before', 'paste', 'project'], '24 samples that the model was trained on')
    """
    if validation is None:
        train, held = split(data, HELD_OUT, seed)
        known, pasting = _parted(found, held)
    else:
        train, held = data, unseen(validation, data)
        known, pasting = _parted(found, split(found.source, HELD_OUT, seed)[1])
    seen = "was trained on" if validation is None else "has not seen"
    present = carrying(found, data, held.x) if held.artefact is None else held.artefact.bool()
    judged = _grouped(held, pasting, present, seed)
    right = _right(found.graph, judged)
    tried, failed = {BEFORE: _judged(right, right, judged)}, {}
    for name in candidates:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of missing groups: the number tells
            try:
                after = correct(known, train, name, seed=seed, epochs=epochs // 3 + 1, **options)
            except ValueError as error:
                failed[name] = str(error)
            else:
                tried[name] = _judged(right, _right(after, judged), judged)
    if len(tried) == 1:
        raise ValueError(f"no method can be tried: {'; '.join(f'{name}: {said}' for name, said in failed.items())}")
    judged_on = f"{len(held)} samples that the model {seen}"
    return Choice(*_best(tried, tolerance, judged_on), tried, failed, judged_on)


def at_least(before: Tensor, after: Tensor) -> float:
    """How much larger the second share is, at least, with 95 % confidence: the same samples' hits, in pairs.

    The adjusted Wald interval: half a sample is added to each of the four cells of (before, after), so that few samples
    without a change are no proof (Agresti and Min 2005, doi:10.1002/sim.1781).

    Example:
        >>> hits, misses = torch.ones(50).bool(), torch.zeros(50).bool()
        >>> [round(at_least(*pair), 2) for pair in ((misses, hits), (hits, hits))]
        [0.91, -0.03]
    """
    n = len(before) + 2
    won, lost = (float((some & ~other).sum()) + 0.5 for some, other in ((after, before), (before, after)))
    error = max(0.0, won + lost - (won - lost) ** 2 / n) ** 0.5 / n
    return (won - lost) / n - ONE_SIDED * error


def _best(tried: Mapping[str, Tried], tolerance: float, judged_on: str) -> tuple[str, str]:
    """The name, and why."""
    before, rest = tried[BEFORE], {name: one for name, one in tried.items() if name != BEFORE}
    within = {name: one for name, one in rest.items() if one.lost <= tolerance}
    if not within:
        name = min(rest, key=lambda name: rest[name].lost)
        lost = rest[name].lost
        return name, f"every method costs more than {tolerance:g} of the accuracy; this one least, at least {lost:.3f}"
    name = max(within, key=lambda name: within[name].worst)
    one = within[name]
    if one.worst <= before.worst:
        warnings.warn(
            f"no method has a better worst group on {judged_on} than the model as it is ({before.worst:.2f}): the "
            "correction will do little; the selection may not hold what the model relies on",
            stacklevel=3,
        )
    why = f"its worst group on {judged_on} is best, {one.worst:.2f} instead of {before.worst:.2f}"
    sure = f"what was worst before gains at least {one.gained:.2f}" if one.gained > 0 else "a gain is not sure"
    return name, f"{why} ({sure}), of {len(within)} methods that are not shown to lose more than {tolerance:g}"


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


def _grouped(held: Samples, pasting: Samples, present: Tensor, seed: int) -> _Judged:
    told = [
        f"class {y} {'with' if p else 'without'} it" for y, p in zip(held.y.tolist(), present.tolist(), strict=True)
    ]
    plain = held.rows(~present)
    if not len(pasting) or not len(plain):
        return _Judged(held.x, held.y, told, len(held))
    pasted = paste(plain.x, pasting, torch.Generator().manual_seed(seed))
    told += [f"class {y}, pasted" for y in plain.y.tolist()]
    return _Judged(torch.cat([held.x, pasted]), torch.cat([held.y, plain.y]), told, len(held))


def _right(graph: Graph, judged: _Judged) -> Tensor:
    with torch.no_grad():
        told = torch.cat([graph(graph.params, x).argmax(1) for x in judged.x.split(256)])
    return (told == judged.y).cpu()


def _judged(before: Tensor, right: Tensor, judged: _Judged) -> Tried:
    rows = {name: torch.tensor([group == name for group in judged.group]) for name in dict.fromkeys(judged.group)}

    def by_group(hits: Tensor) -> dict[str, float]:
        mean = float(hits.double().mean())
        return {name: (float(hits[at].sum()) + PRIOR * mean) / (int(at.sum()) + PRIOR) for name, at in rows.items()}

    now, was = by_group(right), by_group(before)
    name, first = min(now, key=now.__getitem__), min(was, key=was.__getitem__)
    plain = slice(judged.plain)
    return Tried(
        float(right[plain].double().mean()), now[name], name,
        at_least(right[plain], before[plain]), at_least(before[rows[first]], right[rows[first]]),
    )  # fmt: skip
