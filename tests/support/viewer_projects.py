"""Small honest projects, written through spray.store."""

from pathlib import Path

import numpy as np
import xarray as xr

from spray import store

LABELS = "zero one two three four five six seven eight nine".split()
DIMS = ("sample", "channel", "height", "width")


def write(path: Path, n: int = 240, *, side: int = 12, channels: int = 1, name: str = "digits", parts: int = 3) -> Path:
    """A project of `n` images in which group g carries a bright bar at its own height; sample ids are 3 i + 5."""
    random = np.random.default_rng(0)
    group = np.arange(n) % 4
    image = (random.random((n, channels, side, side)) * 80).astype(np.uint8)
    for sample, number in enumerate(group):
        image[sample, :, 2 * number : 2 * number + 2, 2:8] = 220
    relevance = (image / 255 - 0.2).astype(np.float32)
    label = random.integers(0, len(LABELS), n)
    wrong = random.random(n) < 0.1
    prediction = np.where(wrong, (label + 1) % len(LABELS), label)
    output = np.eye(len(LABELS), dtype=np.float32)[prediction] * random.uniform(1, 8, (n, 1)).astype(np.float32)
    sample = np.arange(n) * 3 + 5
    store.write_project(path, name=name, model="small CNN", dataset="digits", method="LRP", label_names=LABELS)
    facts = {"label": ("sample", label), "target": ("sample", label), "prediction": ("sample", prediction)}
    gradient = (DIMS, -relevance, {"method": "gradient"})
    arrays = {
        "image": (DIMS, image),
        "relevance": (DIMS, relevance),
        "relevance_gradient": gradient,
        "output": (("sample", "class"), output),
    }
    everything = xr.Dataset(arrays, {"sample": sample} | facts)
    for number, rows in enumerate(np.array_split(np.arange(n), parts)):
        store.write_part(path, number, everything.isel(sample=rows))
    whole = analysis(sample, group, random)
    store.write_category(path, "spectral", "3", whole)
    store.write_category(path, "spectral", "7", whole.isel(sample=slice(0, n // 2)).assign_attrs(label=7))
    store.write_analysis_index(path, "spectral")
    return path


def analysis(sample: np.ndarray, group: np.ndarray, random: np.random.Generator) -> xr.Dataset:
    """Four clusters around the corners of a square, two clusterings (the second with noise), a spectrum."""
    n = len(sample)
    noisy = np.where(sample % 10 == 0, -1, group)
    corners = np.array([(-4, -4), (4, -4), (4, 4), (-4, 4)])[group % 4]
    return xr.Dataset(
        {
            "spectral": (("sample", "component"), random.normal(0, 1, (n, 6)).astype(np.float32)),
            "eigenvalue": ("component", np.array([0.0, 0.01, 0.02, 0.03, 0.5, 0.6])),
            "tsne": (("sample", "axis"), (corners + random.uniform(-1, 1, (n, 2))).astype(np.float32)),
            "cluster": (
                ("clustering", "sample"),
                np.stack([group, noisy]).astype(np.int32),
            ),
            "tau": ("clustering", [0.7, 0.8]),
            "cluster_silhouette": (("clustering", "number"), [[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, np.nan]]),
            "neighbor": (("sample", "rank"), np.stack([np.roll(sample, -k) for k in (1, 2, 3)], axis=1)),
        },
        {"sample": sample, "clustering": ["kmeans-4", "hdbscan"]},
        {"label": 3, "n": n, "eigengap": 0.47, "suggested_k": 4},
    )
