"""Which trials there are: to develop on, and to report on. Fixed before any result, as the artefacts are split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bench.find.artefacts import DEVELOPMENT, REPORT
from bench.find.data import NATURAL
from bench.find.trial import Trial

CNN = {"network": "cnn", "size": 32, "classes": 10, "each": 250, "epochs": 8}
RESIDUAL = CNN | {"network": "residual"}
VIT = CNN | {"network": "vit", "epochs": 20}
LARGE = CNN | {"size": 64}
TWO = CNN | {"classes": 2, "each": 400, "epochs": 12}
THREE = TWO | {"classes": 3}
GROUPED = TWO | {"kinds": 5, "each": 1000, "epochs": 16}
GROUPED_THREE = THREE | {"kinds": 3, "each": 700, "epochs": 14}
CLEAN = "corner"  # of an unpoisoned model the share is 0: reliance on an artefact that it never saw

Case = tuple[dict, str, float]
"""Settings, artefact, share."""


def quick() -> Iterator[Trial]:
    """A few in minutes, of the development split."""
    small = CNN | {"each": 150}
    return _trials([(small, name, 0.3) for name in DEVELOPMENT] + [(small, CLEAN, 0.0)], 1000)


def development() -> Iterator[Trial]:
    """What views, steps and thresholds are chosen by."""
    cases: list[Case] = [(CNN, name, share) for share in (0.3, 0.15) for name in DEVELOPMENT]
    cases += [(CNN, NATURAL, 0.2)] * 3 + [(CNN, CLEAN, 0.0)] * 3
    cases += [(kind, "corner", 0.3) for kind in (RESIDUAL, VIT, LARGE, TWO, THREE)]
    cases += [(kind, CLEAN, 0.0) for kind in (RESIDUAL, VIT, TWO, THREE)]
    yield from _trials(cases, 2000)
    kinds: list[dict] = [TWO, GROUPED, THREE, GROUPED_THREE]
    few: list[tuple[str, float]] = [(CLEAN, 0.0), ("corner", 0.3), ("text", 0.3), ("sticker", 0.4)]
    for round_ in range(2):
        for row, kind in enumerate(kinds):
            for number, (artefact, share) in enumerate(few):
                of, seed = (3 * number + round_) % kind["classes"], 2100 + 100 * round_ + 10 * row + number
                yield Trial(artefact, share, of, seed, **kind)


def report() -> Iterator[Trial]:
    """What is published; in rounds, so that a run that ends early has some of each."""
    for round_ in range(5):
        cases: list[Case] = [(CNN, name, 0.4) for name in REPORT]
        cases += [(CNN, CLEAN, 0.0), (CNN, NATURAL, 0.2)]
        cases += [(CNN, name, 0.2) for name in REPORT]
        cases += [(kind, name, 0.4) for kind in (RESIDUAL, TWO, VIT, THREE, LARGE) for name in ("border", "gray")]
        cases += [(kind, CLEAN, 0.0) for kind in (TWO, RESIDUAL, THREE)]
        yield from _trials(cases, 5000 + 100 * round_)


def _trials(cases: Iterable[Case], seed: int) -> Iterator[Trial]:
    for number, (settings, artefact, share) in enumerate(cases):
        yield Trial(artefact, share, (3 * number + seed // 100) % settings["classes"], seed + number, **settings)


PLANS = {"quick": quick, "development": development, "report": report}
