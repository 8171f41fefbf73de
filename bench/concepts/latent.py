"""Where an artefact is seen: pixels, layers, statistics; how well two clusters agree with what is planted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import xarray as xr
from sklearn.metrics import adjusted_mutual_info_score

import spray
from bench.concepts.worlds import WORLDS, kept
from spray.concepts.layers import STATISTICS
from spray.recipes import Recipe

SEEDS = range(5)
TWO = partial(spray.spectral_kmeans, clusters=(2,))
FOUND = 0.8  # AMI from which PCX has found the artefact


def agreement(data: xr.Dataset, recipe: Recipe, planted: np.ndarray) -> float:
    """AMI of the first clustering of a recipe with what is planted."""
    result = spray.analyse(data, recipe, progress=False)
    (found,) = (result[name] for name in result)
    return float(adjusted_mutual_info_score(planted, found.cluster.values[0]))


def latent(names: Sequence[str]) -> Iterator[str]:
    """A row a world and what is looked at: the AMI of two spectral clusters, median and range of five seeds."""
    yield "| artefact | looked at | " + " | ".join([*STATISTICS, "PCX"]) + " |"
    yield "|---" * (len(STATISTICS) + 3) + "|"
    for name in names or WORLDS:
        rows: dict[str, dict[str, list[float]]] = {}
        for seed in SEEDS:
            world = WORLDS[name](seed)
            data, planted = kept(world), world.planted
            pixels = spray.recipes.spectral(clusterings=[TWO], embeddings=[])
            rows.setdefault("pixels", {}).setdefault("relevance", []).append(agreement(data, pixels, planted))
            for place, layer in zip(("early", "middle", "late"), world.layers, strict=True):
                row = rows.setdefault(f"{place} layer", {})
                for statistic in STATISTICS:
                    if f"hidden_{statistic}_{layer}" in data or statistic == "relevance":
                        recipe = spray.recipes.concept(
                            layer=layer, statistic=statistic, clusterings=[TWO], embeddings=[]
                        )
                        row.setdefault(statistic, []).append(agreement(data, recipe, planted))
                row.setdefault("PCX", []).append(agreement(data, spray.recipes.pcx(layer=layer), planted))
        for place, found in rows.items():
            cells = [_cell(found.get(statistic)) for statistic in [*STATISTICS, "PCX"]]
            yield f"| {name} | {place} | " + " | ".join(cells) + " |"


def _cell(values: list[float] | None) -> str:
    if values is None:
        return ""
    return f"{np.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def pcx(names: Sequence[str]) -> Iterator[str]:
    """In how many of ten networks PCX finds the artefact in the middle layer, by two statistics."""
    for name in names or ("moving box", "fixed box"):
        scores: dict[str, list[float]] = {"magnitude": [], "mean": []}
        for seed in range(10):
            world = WORLDS[name](seed)
            data = kept(world)
            for statistic, found in scores.items():
                recipe = spray.recipes.pcx(layer=world.layers[1], statistic=statistic)
                found.append(agreement(data, recipe, world.planted))
        for statistic, found in scores.items():
            listed = ", ".join(f"{score:.2f}" for score in found)
            yield f"PCX, {name}, {statistic}: {sum(score > FOUND for score in found)} of 10 networks; AMI {listed}"
