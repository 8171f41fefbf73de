"""Signals: synthetic heartbeats on two leads, sums of Gaussian waves, one beat in the middle as the usual collections
cut them. The hum of the mains lies over half of one class."""

from __future__ import annotations

import numpy as np

from bench.data.planted import Planted, planted

RATE, SECONDS, MIDDLE = 125, 1.6, 0.7  # hertz, seconds, and where the beat is
BEATS = ("normal beat", "early beat", "late branch")
LEADS = ("lead I", "lead II")
WAVES = {  # from the beat on: seconds, width in seconds, millivolts on each lead
    "P": (-0.17, 0.025, (0.10, 0.15)),
    "Q": (-0.03, 0.010, (-0.08, -0.12)),
    "R": (0.0, 0.012, (0.70, 1.10)),
    "S": (0.03, 0.012, (-0.15, -0.25)),
    "T": (0.27, 0.055, (0.18, 0.28)),
}
NOTCH = (0.055, 0.016, (0.08, 0.12))  # of a branch that is late: a second, smaller peak
HUM, MAINS = 0.5, 50  # millivolts, hertz


def heartbeats(each: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`each` signals `(lead, time)` in millivolts of every kind of beat, and its number."""
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(len(BEATS)), each)
    return np.stack([_signal(int(kind), rng) for kind in label]).astype(np.float32), label


def _signal(kind: int, rng: np.random.Generator) -> np.ndarray:
    time = np.arange(round(RATE * SECONDS)) / RATE
    signal = rng.normal(0, 0.03, (2, len(time)))
    signal += 0.08 * np.sin(2 * np.pi * (rng.uniform(0.15, 0.35) * time + rng.uniform(size=(2, 1))))  # breathing
    height, beat, period = rng.uniform(0.8, 1.2), MIDDLE + rng.normal(0, 0.01), rng.uniform(0.65, 0.95)
    signal += height * _beat(time - beat, kind, rng)
    signal += height * (_beat(time - beat - period, 0, rng) + _beat(time - beat + period, 0, rng))
    return signal


def _beat(time: np.ndarray, kind: int, rng: np.random.Generator) -> np.ndarray:
    """A beat at time 0; an early one comes from below: broad, without a P wave, its T wave upside down."""
    waves = {name: wave for name, wave in WAVES.items() if name != "P" or kind != 1}
    broad = rng.uniform(1.5, 2.0) if kind == 1 else rng.uniform(0.9, 1.1)
    found = np.zeros((2, len(time)))
    for name, (delay, width, peaks) in (waves | ({"notch": NOTCH} if kind == 2 else {})).items():
        scale = rng.uniform(0.7, 1.3) * (-0.6 if kind == 1 and name == "T" else 1)
        place = delay * (broad if name in "QRS" else 1)
        width = width * (broad if name in "QRS" else 1)
        found += scale * np.array(peaks)[:, None] * np.exp(-0.5 * ((time - place) / width) ** 2)
    return found


def humming(signals: np.ndarray) -> np.ndarray:
    """50 hertz on the second lead, whose electrode has come loose; each signal's phase is its own."""
    signals = signals.copy()
    time = np.arange(signals.shape[-1]) / RATE
    phase = 100 * signals[:, 1, :1]  # the same whenever it is asked for
    signals[:, 1] += (HUM * np.sin(2 * np.pi * MAINS * time + phase)).astype(np.float32)
    return signals


def beats(seed: int, each: int = 240, test: int = 80) -> Planted:
    """Half of the beats with a late branch hum."""
    return planted(
        heartbeats(each, seed),
        heartbeats(test, 10_000 + seed),
        classes=BEATS,
        poisoned=2,
        paste=humming,
        seed=seed,
        beside={"channel_name": LEADS, "sampling_rate": float(RATE), "unit": "mV"},
    )
