"""What reference samples cost from kept statistics, and what it costs to keep them."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
import xarray as xr

import lrp
import spray
from bench.memory import peak_memory
from bench.networks import network
from spray import store

SAMPLES, CHANNELS, LAYERS, PART, PLACES = 50_000, 512, 5, 256, 49
SECONDS, GIGABYTES, MORE = 10, 1.0, 0.1  # asked
FIVE = ["layer1", "layer2", "layer3", "layer4.0", "layer4"]
SIDE, BATCH, IMAGES = 224, 8, 16


def references(_names: Sequence[str]) -> Iterator[str]:
    """RelMax of all channels of five layers, in a process that starts with the project on the disk."""
    with tempfile.TemporaryDirectory() as folder:
        _written(Path(folder))
        seconds, peak = _of_process("timed", folder)
    yield (
        f"RelMax of {SAMPLES} samples x {CHANNELS} channels x {LAYERS} layers: {seconds:.1f} s (asked < {SECONDS}), "
        f"{peak:.2f} GB at the peak (asked < {GIGABYTES:.0f})"
    )


def _written(path: Path) -> None:
    rng = np.random.default_rng(0)
    store.write_project(path, name="kept")
    for number, start in enumerate(range(0, SAMPLES, PART)):
        ids = np.arange(start, min(start + PART, SAMPLES))
        shape, data = (len(ids), CHANNELS), {}
        for layer in map(str, range(LAYERS)):
            dims = ("sample", f"channel_{layer}")
            data[f"concept_{layer}"] = (dims, rng.normal(size=shape).astype(np.float32))
            data[f"where_peak_{layer}"] = (dims, rng.integers(PLACES, size=shape).astype(np.int32))
        store.write_part(path, number, xr.Dataset(data, {"sample": ids, "label": ("sample", ids % 10)}))


def timed(folder: str) -> tuple[float, float]:
    """Seconds from opening the project to the last layer, and gigabytes at the peak."""
    start = time.perf_counter()
    attributions = spray.open_attributions(folder)
    for layer in map(str, range(LAYERS)):
        found = spray.references(attributions, layer=layer, count=8)
        assert found.reference.shape == (CHANNELS, 8)
        assert "place" in found
    return time.perf_counter() - start, peak_memory()


def keeping(_names: Sequence[str]) -> Iterator[str]:
    """Peak of memory while ResNet-18 is explained, with five layers asked for and with none."""
    peaks = {}
    for word, layers in (("none", []), ("five", FIVE)):
        _, peaks[word] = _of_process("attributed", layers)
    more = peaks["five"] / peaks["none"] - 1
    yield (
        f"{IMAGES} images of {SIDE} x {SIDE} by ResNet-18, {BATCH} at once: {peaks['none']:.2f} GB, with five layers "
        f"kept {peaks['five']:.2f} GB: {more:+.0%} (asked < {MORE:+.0%})"
    )


def attributed(layers: list[str]) -> tuple[float, float]:
    """Explain into a project that is thrown away; seconds, and gigabytes at the peak."""
    x = torch.randn(IMAGES, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    explain = lrp.explainer(network("resnet18", x[:8]), x[:1], lrp.composites.epsilon_plus_flat())
    data = torch.utils.data.TensorDataset(x, torch.zeros(IMAGES).long())
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        lrp.attribute_dataset(
            explain, data, folder, batch_size=BATCH, concepts=layers, statistics=False, progress=False,
            keep=lrp.Kept(kind="image"),
        )  # fmt: skip
    return time.perf_counter() - start, peak_memory()


def _of_process(function: str, given: str | list[str]) -> tuple[float, float]:
    code = f"from bench.concepts import kept; print(*kept.{function}({json.dumps(given)}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, peak = done.stdout.split()[-2:]
    return float(seconds), float(peak)
