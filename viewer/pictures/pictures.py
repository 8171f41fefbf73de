"""The pictures that a project can serve, by name: read what is needed, render, encode."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from spray.kinds import KINDS, Kind, kind_of
from spray.pictures import RENDERERS, Given, Renderer, images
from spray.pictures.images import Look
from spray.pictures.text import listed
from viewer.projects import Category, Project, open_category
from viewer.state import decode, encode

MODES = ("input", "overlay", "heatmap")
GUESS_FROM = 64  # images that tell the range of values of all
SPREAD = 256  # samples that a mean, or the scale of many, is told from
BESIDE = ("token_text", "mask", "feature_name", "channel_name", "unit")


@lru_cache(maxsize=1024)
def picture(project: Project, sample: int, mode: str, look: Look) -> bytes:
    """One sample, PNG or SVG; KeyError for a sample or a mode that is not there."""
    row = project.find(np.array([sample]))
    if row[0] < 0:
        raise KeyError(f"no sample {sample}")
    image = read(project, "image", row)[0] if _has_input(project, look.method, mode) else None
    relevance = None if mode == "input" else read(project, look.method, row)[0]
    return _encoded(project, image, relevance, mode, look, int(row[0]))


@lru_cache(maxsize=512)
def mean_picture(project: Project, samples: str, minus: str, mode: str, look: Look) -> bytes:
    """The mean of several samples, less the mean of others: what a cluster has, and others have not."""
    if renderer(project, look.method).by_word:
        return _word_list(project, samples, minus, look)
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


def cluster_samples(category: Category, clustering: str) -> dict[int, str]:
    """Number -> the samples that a cluster's mean is told from."""
    groups = category.clusterings[clustering]
    return {int(number): encode(spread(category.sample[groups == number])) for number in np.unique(groups)}


def _has_input(project: Project, method: str, mode: str) -> bool:
    """Whether the input is read: without one an overlay is the heatmap alone, and a text is its tokens."""
    if mode == "heatmap" or "image" in project.attributions:
        return mode != "heatmap"
    return mode == "input" and not renderer(project, method).by_word


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
) -> bytes:
    if mode not in MODES:
        raise KeyError(f"no mode {mode}")
    shown = renderer(project, "image" if relevance is None and image is not None else look.method)
    limits = value_range(project) if image is not None and shown.one_channel else (0.0, 1.0)
    return shown.draw(Given(image, relevance, look, limits, beside(project, row)))


def beside(project: Project, row: int | None) -> Mapping[str, np.ndarray]:
    """What is said beside a sample: names of all samples' axes, and what it has of its own."""
    found = {}
    for name in BESIDE:
        if name in project.attributions.variables:
            variable = project.attributions[name]
            if "sample" not in variable.dims:
                found[name] = variable.values
            elif row is not None:
                found[name] = variable.isel(sample=row).values
    return found


def _word_list(project: Project, samples: str, minus: str, look: Look) -> bytes:
    """Of several texts the words with most relevance, less their mean in others."""
    own, others = (_by_word(project, look.method, part) for part in (samples, minus))
    found = [(word, value - others.get(word, (0.0, 0))[0], count) for word, (value, count) in own.items()]
    found.sort(key=lambda entry: -abs(entry[1]))
    return listed(found, len(decode(samples)), Given(None, None, look._replace(limit=None), (0, 1), {}))


@lru_cache(maxsize=64)
def _by_word(project: Project, method: str, samples: str) -> Mapping[str, tuple[float, int]]:
    """Word -> its relevance, a mean over the texts, and in how many of them it is."""
    if not samples or "token_text" not in project.attributions.variables:
        return {}
    rows = known(project, decode(samples)[: 2 * SPREAD])
    texts, values = project.attributions["token_text"].isel(sample=rows).values, read(project, method, rows)
    words, place = np.unique(texts.astype(str), return_inverse=True)
    place = place.reshape(texts.shape)
    sums = np.bincount(place.ravel(), np.nan_to_num(values).ravel(), len(words)) / len(rows)
    having = [len(np.unique(np.flatnonzero((place == at).any(1)))) for at in np.argsort(-np.abs(sums))[:200]]
    best = np.argsort(-np.abs(sums))[:200]
    return {str(words[at]): (float(sums[at]), count) for at, count in zip(best, having, strict=True) if words[at]}


@lru_cache(maxsize=256)
def _mean(project: Project, variable: str, samples: str) -> np.ndarray:
    rows = known(project, decode(samples)[: 2 * SPREAD])
    return np.nan_to_num(read(project, variable, rows).astype(np.float32)).mean(axis=0)


@lru_cache(maxsize=256)
def largest_of(project: Project, method: str, samples: str, percentile: float) -> float:
    """The relevance that has full colour when many samples share one scale."""
    rows = known(project, decode(samples)[: 2 * SPREAD])
    return images.largest(summed(project, method, read(project, method, rows)), percentile)


@lru_cache(maxsize=64)
def largest_mean(project: Project, method: str, *selections: str) -> float:
    """The relevance that has full colour when several means share one scale."""
    means = (_mean(project, method, samples)[None] for samples in selections)
    return max(images.largest(summed(project, method, mean)) for mean in means)


@lru_cache(maxsize=16)
def mass(project: Project, method: str, samples: str) -> np.ndarray:
    """Sum of |relevance| of each sample, by id."""
    relevance = summed(project, method, read(project, method, known(project, decode(samples))))
    return np.abs(relevance).reshape(len(relevance), -1).sum(axis=1)


def spread(ids: np.ndarray, most: int = SPREAD) -> np.ndarray:
    """At most `most` of `ids`, evenly spread: few enough for an address, and the same ones every time."""
    return ids if len(ids) <= most else ids[np.linspace(0, len(ids) - 1, most).round().astype(int)]


def summed(project: Project, variable: str, relevance: np.ndarray) -> np.ndarray:
    """Relevance of each place, where channels are shown as one; what is not finite counts as none."""
    finite = np.nan_to_num(relevance.astype(np.float32), posinf=0, neginf=0)
    leads = relevance.ndim - 1 - len(kind(project, variable).places)
    return finite.sum(axis=tuple(range(1, 1 + leads))) if renderer(project, variable).one_channel and leads else finite


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


def kind(project: Project, variable: str) -> Kind:
    """What kind of samples a variable holds; "none" where nothing says it for certain."""
    if variable not in project.attributions:
        raise KeyError(f"this project has no {variable}")
    try:
        return kind_of(project.attributions[variable])
    except ValueError:
        return KINDS["none"]


def renderer(project: Project, variable: str) -> Renderer:
    """How samples of a variable's kind are drawn."""
    return RENDERERS[kind(project, variable).name]


def read(project: Project, variable: str, rows: np.ndarray) -> np.ndarray:
    """Some rows, `(sample, *lead, *places)` in the order of their kind: channels first, whatever the file's order."""
    shown = kind(project, variable)
    found = project.attributions[variable]
    axes = [shown.named(str(dim)) for dim in found.dims[1:]]
    order = [axes.index(axis) for axis in (*shown.lead, *shown.places) if axis in axes] or range(len(axes))
    return found.isel(sample=rows).values.transpose(0, *(1 + at for at in order))
