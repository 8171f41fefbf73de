"""A category of an analysis: plain arrays, with every variable of its samples."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import xarray as xr

from spray import store
from viewer.projects import classes
from viewer.projects.channels import Variables
from viewer.projects.project import Project
from viewer.projects.tree import Clusterings

EMBEDDINGS_FIRST = ("tsne", "umap", "pca")
LARGEST_OUTPUT = 20_000_000  # numbers read to tell the confidence of a category's samples
HAS = "label"  # and a class: a variable of samples of several labels
MOST_APART = 40  # classes that are variables of their own
NOT_EMBEDDINGS = ("neighbor", "distance", "output", "delta")


@dataclass(frozen=True, eq=False)
class Category:
    """One category of one analysis: plain arrays over its samples, in the order of its file."""

    name: str
    sample: np.ndarray
    embeddings: Mapping[str, np.ndarray]
    clusterings: Clusterings
    variables: Mapping[str, np.ndarray]
    eigenvalue: np.ndarray
    facts: Mapping[str, Any]
    data: xr.Dataset
    label_text: Callable[[Any], str] = str
    """A class as people know it."""
    labels: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Where samples have several labels: class -> the rows that have it."""

    def rows(self, ids: np.ndarray) -> np.ndarray:
        """Which rows hold one of `ids`, as a mask."""
        return np.isin(self.sample, ids)


@lru_cache(maxsize=16)
def open_category(project: Project, analysis: str, name: str) -> Category:
    """A category's arrays; ProjectError if its file is damaged or does not fit the project."""
    try:
        return _category(project, analysis, name)
    except store.ProjectError:
        raise
    except Exception as error:  # what fits no project of ours may fail anywhere
        raise store.ProjectError(f"category {name!r} of {analysis!r} cannot be shown: {error!r}") from error


def _category(project: Project, analysis: str, name: str) -> Category:
    data = project.categories(analysis)[name]
    if "sample" not in data.coords:
        raise store.ProjectError(f"category {name!r} of {analysis!r} has no sample ids: analyse it again")
    sample = data.sample.values.astype(np.int64)
    eigenvalue = data["eigenvalue"].values if "eigenvalue" in data else np.empty(0)
    return Category(
        name,
        sample,
        _embeddings(data),
        Clusterings(_clusterings(data), _space(data)),
        Variables(_of_analysis(data) | _variables(project, sample), project, project.find(sample)),
        eigenvalue,
        data.attrs,
        data,
        project.label_text,
        classes.masks(project.attributions, project.find(sample)),
    )


def _space(data: xr.Dataset) -> xr.DataArray | None:
    """Where distances between samples count: the spectral embedding if it is there."""
    name = "spectral" if "spectral" in data.data_vars else next(iter(_embeddings(data)), None)
    finite = name is not None and bool(np.isfinite(data[name].values).all())
    return data[name] if finite else None


def _embeddings(data: xr.Dataset) -> dict[str, np.ndarray]:
    """Every (sample, axis) variable, the well-known two-dimensional ones first."""
    found = {
        str(name): variable.values.astype(np.float32)
        for name, variable in data.data_vars.items()
        if variable.dims[:1] == ("sample",) and variable.ndim == 2 and variable.dtype.kind in "fiu"
        if name not in NOT_EMBEDDINGS and variable.shape[1]
    }
    known = [name for name in EMBEDDINGS_FIRST if name in found]
    return {name: found[name] for name in [*known, *(name for name in found if name not in known)]}


def _clusterings(data: xr.Dataset) -> dict[str, np.ndarray]:
    if "cluster" not in data:
        return {}
    if set(data["cluster"].dims) != {"clustering", "sample"} or data["cluster"].dtype.kind not in "fiub":
        raise store.ProjectError(f"cluster needs numbers by clustering and sample, it has {data['cluster'].dims}")
    cluster = data["cluster"].transpose("clustering", "sample")
    names = cluster.coords["clustering"].values if "clustering" in cluster.coords else range(len(cluster))
    numbers = np.where(np.isfinite(cluster.values), cluster.values, -1).astype(np.int32)  # no number is noise
    return {str(name): values for name, values in zip(names, numbers, strict=True)}


def _of_analysis(data: xr.Dataset) -> dict[str, np.ndarray]:
    """Every measure of a sample that the analysis made, such as its likelihood."""
    measures = {str(name): v for name, v in data.data_vars.items() if v.dims == ("sample",) and v.dtype.kind == "f"}
    return {name: values.values for name, values in measures.items()}


def _variables(project: Project, sample: np.ndarray) -> dict[str, np.ndarray]:
    """Every per-sample number or name of the project, joined by sample id."""
    rows = project.find(sample)
    if (rows < 0).any():
        missing = ", ".join(map(str, sample[rows < 0][:5]))
        raise store.ProjectError(f"samples {missing} of this category are not in the project: analyse it again")
    flat = (name for name, v in project.attributions.variables.items() if v.dims == ("sample",) and name != "sample")
    found = {str(name): project.attributions[name].values[rows] for name in flat}
    several = classes.masks(project.attributions, rows)
    return found | (_of_several(project, several, found) if several else _derived(project, rows, found))


def _of_several(
    project: Project, labels: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """All labels of a sample as one text, each as a variable of its own where some have it and some do not, and whether
    the prediction is one of them. Probabilities of classes that do not exclude each other are no confidence."""
    names = {number: project.label_text(number) for number in labels}
    rows = np.stack(list(labels.values()), 1)
    text = [", ".join(name for name, has in zip(names.values(), row, strict=True) if has) for row in rows.tolist()]
    derived = {"label": np.array(text, dtype=object)}
    apart = {number: mask for number, mask in labels.items() if not mask.all()}
    if len(apart) <= MOST_APART:
        derived |= {f"{HAS} {names[number]}": np.where(mask, "yes", "no") for number, mask in apart.items()}
    if "prediction" in found:
        hit = [str(value) in labels and labels[str(value)][at] for at, value in enumerate(found["prediction"].tolist())]
        derived["correct"] = np.where(hit, "right", "wrong")
    return {name: values for name, values in derived.items() if name == "label" or name not in found}


def _derived(project: Project, rows: np.ndarray, found: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Whether a prediction is right, and how confident it is, where the project does not say so itself."""
    derived: dict[str, np.ndarray] = {}
    if "correct" not in found and {"label", "prediction"} <= found.keys():
        derived["correct"] = np.where(found["label"] == found["prediction"], "right", "wrong")
    output = project.attributions.get("output")
    if "confidence" in found or output is None or output.ndim != 2:
        return derived
    if 0 < len(rows) * output.shape[1] <= LARGEST_OUTPUT:
        derived["confidence"] = confidence(output.isel(sample=rows).values)
    return derived


def confidence(output: np.ndarray) -> np.ndarray:
    """Largest probability of each row: of the outputs themselves if they are probabilities, else of their softmax."""
    output = output.astype(np.float64)
    if not ((output >= 0).all() and np.allclose(output.sum(axis=1), 1, atol=1e-3)):
        output = np.exp(output - output.max(axis=1, keepdims=True))
    return (output.max(axis=1) / output.sum(axis=1)).astype(np.float32)
