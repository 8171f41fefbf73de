"""What a project's pictures are made of: its arrays by the order of their kind, and how many of them are read."""

from collections.abc import Iterator, Mapping
from functools import lru_cache

import numpy as np

from spray.kinds import KINDS, Kind, kind_of
from spray.pictures import RENDERERS, Renderer, images
from viewer.projects import EMBEDDING, Project

MODES = ("input", "overlay", "heatmap")
GUESS_FROM = 64  # images that tell the range of values of all
SPREAD = 256  # samples that a mean, or the scale of many, is told from
MOST_NUMBERS = 1 << 27  # of all these samples together: of large ones there are fewer
PIECE = 1 << 24  # numbers that are read at once
FACTS = ("sampling_rate", "unit", "voxel_size")
BESIDE = ("token_text", "mask", "feature_name", "channel_name", "unit", "frequency_hz")


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


def shown(project: Project, method: str) -> str:
    """The variable whose kind is that of the samples: what has no relevance is shown by its inputs, if it has any."""
    relevant = method in project.attributions and method != EMBEDDING
    return method if relevant or "image" not in project.attributions else "image"


def modes(project: Project, method: str) -> tuple[str, ...]:
    """The modes that show something of their own: without an input there is the heatmap alone, a text is its tokens."""
    variable = shown(project, method)
    if variable == "image" or variable not in project.attributions:
        return ("input",)
    if renderer(project, variable).by_word:
        return ("input", "overlay")
    return MODES if "image" in project.attributions else ("heatmap",)


def is_sliced(project: Project, method: str) -> bool:
    """Whether a sample is shown by slices, which can be moved."""
    variable = shown(project, method)
    return variable in project.attributions and renderer(project, variable).sliced


def mean_modes(project: Project, method: str) -> Mapping[str, str]:
    """The modes that means are shown in, and what people call them."""
    found, variable = modes(project, method), shown(project, method)
    if variable in project.attributions and renderer(project, variable).by_word:
        return {} if variable == "image" else {"overlay": "words with most relevance"}
    return {mode: f"mean {mode}" for mode in ("input", "heatmap") if mode in found}


def read(project: Project, variable: str, rows: np.ndarray) -> np.ndarray:
    """Some rows, `(sample, *lead, *places)` in the order of their kind: channels first, whatever the file's order."""
    own = kind(project, variable)
    found = project.attributions[variable]
    axes = [own.named(str(dim)) for dim in found.dims[1:]]
    order = [axes.index(axis) for axis in (*own.lead, *own.places) if axis in axes] or range(len(axes))
    return found.isel(sample=rows).values.transpose(0, *(1 + at for at in order))


def read_in_pieces(project: Project, variable: str, rows: np.ndarray, none: float = 0.0) -> Iterator[np.ndarray]:
    """`read`, as many rows at once as memory bears; what is not finite is `none`."""
    at_once = max(1, PIECE // size(project, variable))
    for start in range(0, len(rows), at_once):
        found = read(project, variable, rows[start : start + at_once]).astype(np.float32, copy=False)
        yield np.nan_to_num(found, nan=none, posinf=none, neginf=none)


def size(project: Project, variable: str) -> int:
    """Numbers of one sample."""
    if variable not in project.attributions:
        raise KeyError(f"this project has no {variable}")
    return max(1, int(np.prod(project.attributions[variable].shape[1:])))


def few(project: Project, variable: str, most: int = SPREAD) -> int:
    """How many samples stand for many: at most `most`, fewer of large ones."""
    return max(1, min(most, MOST_NUMBERS // size(project, variable)))


def spread(ids: np.ndarray, most: int = SPREAD) -> np.ndarray:
    """At most `most` of `ids`, evenly spread: few enough for an address, and the same ones every time."""
    return ids if len(ids) <= most else ids[np.linspace(0, len(ids) - 1, most).round().astype(int)]


def known(project: Project, ids: np.ndarray) -> np.ndarray:
    """Rows of `ids`; KeyError unless all are samples of the project."""
    rows = project.find(ids)
    if not len(rows) or (rows < 0).any():
        raise KeyError("no such samples")
    return rows


def summed(project: Project, variable: str, relevance: np.ndarray) -> np.ndarray:
    """Relevance of each place, where channels are shown as one; what is not finite counts as none."""
    finite = np.nan_to_num(relevance.astype(np.float32, copy=False), posinf=0, neginf=0)
    leads = relevance.ndim - 1 - len(kind(project, variable).places)
    return finite.sum(axis=tuple(range(1, 1 + leads))) if renderer(project, variable).one_channel and leads else finite


@lru_cache(maxsize=64)
def value_range(project: Project) -> tuple[float, float]:
    """Of the inputs' values."""
    stored = project.attributions["image"]
    if stored.dtype == np.uint8:
        return 0.0, 255.0
    rows = spread(np.arange(stored.sizes["sample"]), max(1, min(GUESS_FROM, PIECE // size(project, "image"))))
    return images.value_range(stored.isel(sample=rows).values)


def beside(project: Project, row: int | None) -> Mapping[str, np.ndarray]:
    """What is said beside a sample: names of all samples' axes, and what it has of its own."""
    found = {name: np.asarray(project.facts[name]) for name in FACTS if name in project.facts}
    for name in BESIDE:
        if name in project.attributions.variables:
            variable = project.attributions[name]
            if "sample" not in variable.dims:
                found[name] = variable.values
            elif row is not None:
                found[name] = variable.isel(sample=row).values
    return found
