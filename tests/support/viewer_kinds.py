"""Small projects of every kind of samples, with an embedding and clusters of their own: two strategies in each."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

import spray

N = 24
GROUP = np.arange(N) % 2
HOSTILE = ["<script>window.hacked=1</script>", '"><img src=x onerror=window.hacked=1>', "\u202egnp.exe", "🙂", "مرحبا"]
HOSTILE += ["猫が寝る", "a\x1fb"]
SENTENCE = "the heart of this film is a dog that sleeps in the warm sun and nobody cares about".split()
LEADS = "I II III aVR aVL aVF V1 V2 V3 V4 V5 V6".split()
FEATURES = "age mass height pulse pressure glucose insulin cholesterol creatinine sodium potassium visits".split()
UNITS = "a kg cm 1/min mmHg mg/dl mU/l mg/dl mg/dl mmol/l mmol/l".split() + [""]
Given = dict[str, object]


def image(random: np.random.Generator) -> Given:
    """Channels last."""
    inputs = (random.random((N, 20, 30, 3)) * 120).astype(np.uint8)
    relevance = random.normal(0, 0.02, inputs.shape)
    for sample, group in enumerate(GROUP):
        place = np.s_[sample, 14:19, 1:8] if group else np.s_[sample, 6:14, 12:20]
        inputs[place], relevance[place] = 230, 1
    return {"inputs": inputs, "relevance": relevance, "dims": ("height", "width", "channel")}


def signal(random: np.random.Generator, steps: int = 1000) -> Given:
    """Heartbeats in twelve leads; one group is told by its third lead, the other by hum at the end."""
    time = np.linspace(0, 4, steps)
    beat = (time[None] + random.random((N, 1))) % 1
    curve = np.exp(-((beat - 0.5) ** 2) * 2000) + 0.2 * np.exp(-((beat - 0.7) ** 2) * 200)
    inputs = curve[:, None] * np.linspace(1, -0.4, 12)[:, None] + random.normal(0, 0.03, (N, 12, steps))
    relevance = random.normal(0, 0.02, inputs.shape)
    relevance[GROUP == 0, 2] += (np.exp(-((beat - 0.5) ** 2) * 300))[GROUP == 0]
    inputs[GROUP == 1, 7, -steps // 4 :] += 0.3 * np.sin(time[-steps // 4 :] * 2 * np.pi * 25)
    relevance[GROUP == 1, 7, -steps // 4 :] += 1
    return {
        "inputs": inputs,
        "relevance": relevance,
        "kind": "signal",
        "channel_name": LEADS,
        "sampling_rate": 250.0,
        "unit": "mV",
    }


def text(random: np.random.Generator) -> Given:
    """Sentences; one group carries a tag, and some tokens are hostile or not of Latin letters."""
    tokens = [[*SENTENCE[sample % 5 :], *HOSTILE[: sample % 8], *SENTENCE[: sample % 9]] for sample in range(N)]
    for sample, group in enumerate(GROUP):
        tokens[sample].insert(3, "[AD]" if group else "wonderful")
    strong = {"[AD]": 1.0, "wonderful": 0.8, "dog": -0.3}
    relevance = [[strong.get(token, 0) + float(random.normal(0, 0.05)) for token in row] for row in tokens]
    return {"token": tokens, "relevance": relevance}


def table(random: np.random.Generator) -> Given:
    inputs = random.normal(10, 4, (N, 12))
    relevance = random.normal(0, 0.05, (N, 12))
    relevance[np.arange(N), np.where(GROUP, 11, 5)] += 1
    return {"inputs": inputs, "relevance": relevance, "kind": "table", "feature_name": FEATURES, "unit": UNITS}


def volume(random: np.random.Generator, side: int = 32) -> Given:
    """A ball of two shells in slices twice as thick as their pixels are wide; one group has a bright cube beside it."""
    axes = np.meshgrid(*[np.linspace(-1, 1, size) for size in (side // 2, side, side)], indexing="ij")
    radius = sum(axis**2 for axis in axes)
    inputs = ((radius < 0.7) * 0.4 + (radius < 0.2) * 0.3 + random.random((N, *radius.shape)) * 0.15).astype(np.float32)
    relevance = random.normal(0, 0.02, inputs.shape)
    for sample, group in enumerate(GROUP):
        place = np.s_[sample, 2:4, 3:8, 4:9] if group else np.s_[sample, 6:9, 12:18, 14:20]
        relevance[place] += 1
        inputs[place] += 0.3
    return {"inputs": inputs, "relevance": relevance, "kind": "volume", "voxel_size": (2.0, 1.0, 1.0)}


def spectrogram(random: np.random.Generator) -> Given:
    inputs = random.random((N, 32, 80)) * np.linspace(1, 0.3, 32)[:, None]
    relevance = random.normal(0, 0.02, inputs.shape)
    relevance[GROUP == 0, 20:25, 30:40] += 0.5
    inputs[GROUP == 1, 3:5] += 1
    relevance[GROUP == 1, 3:5] += 0.5
    beside = {"sampling_rate": 100.0, "frequency_hz": np.arange(1, 33) * 125.0}
    return {"inputs": inputs, "relevance": relevance, "kind": "spectrogram", **beside}


def none(random: np.random.Generator) -> Given:
    """Embeddings alone."""
    del random
    return {}


KINDS: dict[str, Callable[[np.random.Generator], Given]] = {
    made.__name__: made for made in (image, signal, text, table, volume, spectrogram, none)
}


def write(root: Path, *, hostile: bool = True) -> list[Path]:
    """A project of each kind, called after it."""
    return [write_one(root / name, name, hostile=hostile) for name in KINDS]


def write_one(path: Path, name: str, *, hostile: bool = True) -> Path:
    random = np.random.default_rng(0)
    given = KINDS[name](random)
    if not hostile and name == "text":
        given = {key: [row[: 1 + len(SENTENCE) - at % 5] for at, row in enumerate(rows)] for key, rows in given.items()}  # type: ignore[arg-type]
    points = np.stack([GROUP * 6, np.arange(N) / 4], 1) + random.normal(0, 0.5, (N, 2))
    return spray.write_arrays(
        path,
        **{**given, "embedding": points, "clustering": GROUP},  # type: ignore[arg-type]
        label=np.arange(N) // 2 % 2,
        prediction=np.arange(N) // 2 % 2,
        label_names=["healthy", "ill"],
    )
