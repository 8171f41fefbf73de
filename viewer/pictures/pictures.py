"""The pictures that a project can serve, by name: read what is needed, render, encode."""

from functools import lru_cache

import numpy as np

from spray.store import ProjectError
from viewer.pictures import images
from viewer.pictures.images import Look
from viewer.projects import Category, Project, open_category
from viewer.state import decode, encode

MODES = ("input", "overlay", "heatmap")
GUESS_FROM = 64  # images that tell the range of values of all
SPREAD = 256  # samples that a mean, or the scale of many, is told from


@lru_cache(maxsize=1024)
def picture(project: Project, sample: int, mode: str, look: Look) -> bytes:
    """PNG of one sample; KeyError for a sample or a mode that is not there."""
    row = project.find(np.array([sample]))
    if row[0] < 0:
        raise KeyError(f"no sample {sample}")
    image = None if mode == "heatmap" else read(project, "image", row)[0]
    relevance = None if mode == "input" else read(project, look.method, row)[0]
    return _encoded(project, image, relevance, mode, look)


@lru_cache(maxsize=512)
def mean_picture(project: Project, samples: str, minus: str, mode: str, look: Look) -> bytes:
    """PNG of the mean of several samples, less the mean of others: what a cluster has, and others have not."""
    image = None if mode == "heatmap" else _mean(project, "image", samples)
    relevance = None if mode == "input" else _difference(project, look.method, samples, minus)
    return _encoded(project, image, relevance, mode, look)


@lru_cache(maxsize=512)
def cluster_picture(
    project: Project, analysis: str, category: str, clustering: str, number: int, mode: str, look: Look
) -> bytes:
    """PNG of a cluster's mean, on one scale with the means of the other clusters."""
    if category not in project.analyses.get(analysis, ()):
        raise KeyError(f"no category {category}")
    means = cluster_samples(open_category(project, analysis, category), clustering)
    if mode != "input":
        look = look._replace(limit=largest_mean(project, look.method, *means.values()))
    return mean_picture(project, means[number], "", mode, look)


def cluster_samples(category: Category, clustering: str) -> dict[int, str]:
    """Number -> the samples that a cluster's mean is told from."""
    groups = category.clusterings[clustering]
    return {int(number): encode(spread(category.sample[groups == number])) for number in np.unique(groups)}


def _difference(project: Project, method: str, samples: str, minus: str) -> np.ndarray:
    mean = _mean(project, method, samples)
    return mean - _mean(project, method, minus) if minus else mean


def _encoded(project: Project, image: np.ndarray | None, relevance: np.ndarray | None, mode: str, look: Look) -> bytes:
    if mode not in MODES:
        raise KeyError(f"no mode {mode}")
    pixels = None if image is None else images.input_pixels(image, *value_range(project))
    if relevance is None:
        assert pixels is not None
        return images.png(pixels)
    if pixels is None:
        return images.png(images.heatmap_pixels(relevance, look))
    return images.png(images.overlay_pixels(pixels, relevance, look))


@lru_cache(maxsize=256)
def _mean(project: Project, variable: str, samples: str) -> np.ndarray:
    rows = known(project, decode(samples)[: 2 * SPREAD])
    return np.nan_to_num(read(project, variable, rows).astype(np.float32)).mean(axis=0)


@lru_cache(maxsize=256)
def largest_of(project: Project, method: str, samples: str, percentile: float) -> float:
    """The relevance that has full colour when many samples share one scale."""
    rows = known(project, decode(samples)[: 2 * SPREAD])
    return images.largest(summed(read(project, method, rows)), percentile)


@lru_cache(maxsize=64)
def largest_mean(project: Project, method: str, *selections: str) -> float:
    """The relevance that has full colour when several means share one scale."""
    return max(images.largest(summed(_mean(project, method, samples)[None])) for samples in selections)


@lru_cache(maxsize=16)
def mass(project: Project, method: str, samples: str) -> np.ndarray:
    """Sum of |relevance| of each sample, by id."""
    relevance = summed(read(project, method, known(project, decode(samples))))
    return np.abs(relevance).reshape(len(relevance), -1).sum(axis=1)


def spread(ids: np.ndarray, most: int = SPREAD) -> np.ndarray:
    """At most `most` of `ids`, evenly spread: few enough for an address, and the same ones every time."""
    return ids if len(ids) <= most else ids[np.linspace(0, len(ids) - 1, most).round().astype(int)]


def summed(relevance: np.ndarray) -> np.ndarray:
    """(sample, height, width) of relevance with or without channels; what is not finite counts as none."""
    finite = np.nan_to_num(relevance.astype(np.float32), posinf=0, neginf=0)
    return finite if finite.ndim == 3 else finite.sum(axis=1)


def known(project: Project, ids: np.ndarray) -> np.ndarray:
    """Rows of `ids`; KeyError unless all are samples of the project."""
    rows = project.find(ids)
    if not len(rows) or (rows < 0).any():
        raise KeyError("no such samples")
    return rows


@lru_cache(maxsize=256)
def strip(colour_map: str) -> bytes:
    return images.png(images.strip(colour_map))


@lru_cache(maxsize=64)
def value_range(project: Project) -> tuple[float, float]:
    stored = project.attributions["image"]
    if stored.dtype == np.uint8:
        return 0.0, 255.0
    return images.value_range(stored.isel(sample=spread(np.arange(stored.sizes["sample"]), GUESS_FROM)).values)


def read(project: Project, variable: str, rows: np.ndarray) -> np.ndarray:
    """(sample, channel, height, width) or (sample, height, width) of some rows."""
    if variable not in project.attributions:
        raise KeyError(f"this project has no {variable}")
    values = project.attributions[variable].isel(sample=rows).values
    if values.ndim not in (3, 4):
        raise ProjectError(f"{variable} of shape {values.shape} is no image")
    return values
