"""The pictures that a project can serve, by name: read what is needed, render, encode."""

from functools import lru_cache

import numpy as np

from spray.pictures import Given, images
from spray.pictures.images import Look
from spray.pictures.volume import strongest
from viewer.pictures.reading import (
    MODES,
    SPREAD,
    beside,
    few,
    known,
    read,
    read_in_pieces,
    renderer,
    shown,
    spread,
    summed,
    value_range,
)
from viewer.pictures.words import word_list
from viewer.projects import Category, Project, open_category
from viewer.state import decode, encode


@lru_cache(maxsize=1024)
def picture(project: Project, sample: int, mode: str, look: Look, *place: int) -> bytes:
    """One sample, PNG or SVG, of a volume the slices through `place`; KeyError for a sample or a mode that is not
    there."""
    row = project.find(np.array([sample]))
    if row[0] < 0:
        raise KeyError(f"no sample {sample}")
    image = read(project, "image", row)[0] if _has_input(project, look.method, mode) else None
    relevance = None if mode == "input" else read(project, look.method, row)[0]
    return _encoded(project, image, relevance, mode, look, int(row[0]), place)


@lru_cache(maxsize=256)
def place_of_most(project: Project, sample: int, method: str) -> tuple[int, ...]:
    """Of a volume, where its slices are shown unless somebody moves them."""
    return strongest(read(project, shown(project, method), known(project, np.array([sample])))[0])


@lru_cache(maxsize=512)
def mean_picture(project: Project, samples: str, minus: str, mode: str, look: Look) -> bytes:
    """The mean of several samples, less the mean of others: what a cluster has, and others have not."""
    if renderer(project, look.method).by_word:
        return word_list(project, samples, minus, look)
    image = _mean(project, "image", samples) if _has_input(project, look.method, mode) else None
    relevance = None if mode == "input" else _difference(project, look.method, samples, minus)
    return _encoded(project, image, relevance, mode, look)


@lru_cache(maxsize=512)
def cluster_picture(
    project: Project, analysis: str, category: str, clustering: str, number: int, mode: str, look: Look
) -> bytes:
    """A cluster's mean, on one scale with the means of the other clusters."""
    if category not in project.analyses.get(analysis, ()):
        raise KeyError(f"no category {category}")
    means = cluster_samples(open_category(project, analysis, category), clustering)
    if mode != "input":
        look = look._replace(limit=largest_mean(project, look.method, *means.values()))
    return mean_picture(project, means[number], "", mode, look)


@lru_cache(maxsize=512)
def category_picture(project: Project, analysis: str, category: str, clustering: str, mode: str, look: Look) -> bytes:
    """The mean of a category, on one scale with those of its clusters."""
    if category not in project.analyses.get(analysis, ()):
        raise KeyError(f"no category {category}")
    found = open_category(project, analysis, category)
    if mode != "input":
        look = look._replace(limit=largest_mean(project, look.method, *cluster_samples(found, clustering).values()))
    return mean_picture(project, encode(spread(found.sample)), "", mode, look)


def cluster_samples(category: Category, clustering: str) -> dict[int, str]:
    """Number -> the samples that a cluster's mean is told from."""
    groups = category.clusterings[clustering]
    return {int(number): encode(spread(category.sample[groups == number])) for number in np.unique(groups)}


def _has_input(project: Project, method: str, mode: str) -> bool:
    """Whether the input is read: without one an overlay is the heatmap alone, and a text is its tokens."""
    if mode == "heatmap" or "image" in project.attributions:
        return mode != "heatmap"
    return mode == "input" and not (method in project.attributions and renderer(project, method).by_word)


def _difference(project: Project, method: str, samples: str, minus: str) -> np.ndarray:
    mean = _mean(project, method, samples)
    return mean - _mean(project, method, minus) if minus else mean


def _encoded(
    project: Project,
    image: np.ndarray | None,
    relevance: np.ndarray | None,
    mode: str,
    look: Look,
    row: int | None = None,
    place: tuple[int, ...] = (),
) -> bytes:
    if mode not in MODES:
        raise KeyError(f"no mode {mode}")
    kind = renderer(project, "image" if relevance is None and image is not None else look.method)
    limits = value_range(project) if image is not None and kind.one_channel else (0.0, 1.0)
    return kind.draw(Given(image, relevance, look, limits, beside(project, row), place))


@lru_cache(maxsize=256)
def _mean(project: Project, variable: str, samples: str) -> np.ndarray:
    rows = known(project, spread(decode(samples), few(project, variable, 2 * SPREAD)))
    if variable == "image":  # what is missing of an input is no zero: the others alone have a mean
        return _mean_of_known(project, rows)
    total = sum(piece.sum(axis=0, dtype=np.float64) for piece in read_in_pieces(project, variable, rows))
    return (np.asarray(total) / len(rows)).astype(np.float32)


def _mean_of_known(project: Project, rows: np.ndarray) -> np.ndarray:
    """The mean of inputs at each place, of the samples that have a value there; NaN where none has."""
    total: np.ndarray | float = 0.0
    count: np.ndarray | int = 0
    for piece in read_in_pieces(project, "image", rows, none=np.nan):
        total = total + np.nansum(piece, axis=0, dtype=np.float64)
        count = count + np.isfinite(piece).sum(axis=0)
    return np.where(np.asarray(count) > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


@lru_cache(maxsize=256)
def largest_of(project: Project, method: str, samples: str, percentile: float) -> float:
    """The relevance that has full colour when many samples share one scale."""
    rows = known(project, spread(decode(samples), few(project, method, 2 * SPREAD)))
    return images.largest(summed(project, method, read(project, method, rows)), percentile)


@lru_cache(maxsize=64)
def largest_mean(project: Project, method: str, *selections: str) -> float:
    """The relevance that has full colour when several means share one scale."""
    means = (_mean(project, method, samples)[None] for samples in selections)
    return max(images.largest(summed(project, method, mean)) for mean in means)


@lru_cache(maxsize=16)
def mass(project: Project, method: str, samples: str) -> np.ndarray:
    """Sum of |relevance| of each sample, by id."""
    pieces = read_in_pieces(project, method, known(project, decode(samples)))
    found = (np.abs(summed(project, method, piece)).reshape(len(piece), -1).sum(axis=1) for piece in pieces)
    return np.concatenate(list(found))


@lru_cache(maxsize=256)
def strip(colour_map: str) -> bytes:
    return images.png(images.strip(colour_map))
