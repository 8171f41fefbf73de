"""Channels of a hidden layer: which tell the selection from the rest, which samples are like it, PCX's prototypes."""

import re
from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy.stats import rankdata

from spray.concepts import more_like_these
from spray.concepts.names import concept_names
from viewer import html
from viewer.projects.channels import layers, shares
from viewer.scene.addresses import picture_address, version
from viewer.scene.points.filters import passing
from viewer.scene.scene import Scene
from viewer.state import decode

TELLING, ALIKE, CONCEPTS, DEVIATIONS = 12, 24, 10, 8  # how many are shown
LAYER = re.compile(r"concept_values\(attributions, layer='([^']+)'")


class Telling(NamedTuple):
    """A channel, and how often a sample of the selection has more of it than one of the rest."""

    channel: int
    auroc: float


class Prototypes(NamedTuple):
    """PCX's mixture: `mean (concept, prototype)` of the concepts that prototypes have most of."""

    layer: str
    sample: np.ndarray
    share: np.ndarray
    size: np.ndarray
    channel: np.ndarray
    mean: np.ndarray


def layer_of(scene: Scene) -> str:
    """The layer that is shown: as chosen, that of the analysis, or the first one that is kept; "" if there is none."""
    known, recipe = layers(scene.project), LAYER.search(str(scene.category.facts.get("recipe", "")))
    wanted = (scene.state.layer, recipe[1] if recipe else "", *known)
    return next((layer for layer in wanted if layer in known), "")


def names(scene: Scene, layer: str) -> dict[int, str]:
    return concept_names(scene.project.home).get(layer, {})


def concept_name(known: dict[int, str], channel: int) -> str:
    return known.get(channel) or f"channel {channel}"


def _of_category(scene: Scene, layer: str) -> np.ndarray:
    return shares(scene.project, layer)[scene.project.find(scene.category.sample)]


def telling(scene: Scene, layer: str) -> list[Telling]:
    """Channels that tell the selection from what else passes the filters, the surest first."""
    selected = scene.category.rows(decode(scene.state.selection))
    rest = passing(scene.category, scene.state) & ~selected
    n, m = int(selected.sum()), int(rest.sum())
    if not n or not m:
        return []
    values = _of_category(scene, layer)
    ranks = np.asarray(rankdata(np.concatenate([values[selected], values[rest]]), axis=0))
    auroc = (ranks[:n].sum(0) - n * (n + 1) / 2) / (n * m)
    order = np.argsort(-np.abs(auroc - 0.5), kind="stable")[:TELLING]
    return [Telling(int(channel), float(auroc[channel])) for channel in order]


def alike(scene: Scene, layer: str) -> list[int]:
    """Samples most like the selection in the layer, and not in it; none if nothing or everything is selected."""
    chosen = decode(scene.state.selection)
    here = passing(scene.category, scene.state)
    selected = scene.category.rows(chosen)
    among = here | selected
    if not selected.any() or not (among & ~selected).any():
        return []
    ids = scene.category.sample[among]
    data = xr.DataArray(_of_category(scene, layer)[among], {"sample": ids}, ("sample", "concept"))
    try:
        likeness = more_like_these(data, chosen[np.isin(chosen, ids)].tolist()).values
    except ValueError:  # all channels are the same in both
        return []
    order = np.argsort(-likeness, kind="stable")
    return [sample for sample in ids[order].tolist() if sample not in set(chosen.tolist())][:ALIKE]


def prototypes(scene: Scene) -> Prototypes | None:
    """What the sheet shows, if the analysis is one of prototypes."""
    data = scene.category.data
    layer = layer_of(scene)
    if not {"weight", "mean", "prototype_sample", "cluster"} <= set(data.data_vars) or not layer:
        return None
    mean = data["mean"].transpose("concept", "prototype").values
    if len(mean) != shares(scene.project, layer).shape[1]:  # of another layer than the one that is shown
        return None
    top = np.argsort(-np.abs(mean).max(1), kind="stable")[:CONCEPTS]
    member = data.cluster.values[0]
    count = np.bincount(member[member >= 0], minlength=mean.shape[1])
    return Prototypes(layer, data.prototype_sample.values.astype(np.int64), data.weight.values, count, top, mean[top])


def deviations(scene: Scene) -> list[tuple[int, float]]:
    """Of the sample in focus, the concepts that it uses more or less than its prototype: channel and difference."""
    data = scene.category.data
    if "delta" not in data or scene.state.focus is None:
        return []
    (row,) = np.flatnonzero(scene.category.sample == scene.state.focus)
    delta = data["delta"].transpose("sample", "concept").values[row]
    order = np.argsort(-np.abs(delta), kind="stable")[:DEVIATIONS]
    return [(int(channel), float(delta[channel])) for channel in order]


def crop_address(scene: Scene, layer: str, channel: int, rank: int) -> str:
    return html.address("crop", scene.project.key, layer, channel, f"{rank}.png", v=version(scene.project))


def conditional_address(scene: Scene, layer: str, meaning: str, channel: int, sample: int) -> str:
    parts = (scene.project.key, layer, meaning, channel, f"{sample}.png")
    return html.address("conditional", *parts, map=scene.state.colour_map)


def input_address(scene: Scene, sample: int) -> str:
    return picture_address(scene, sample, "input")
