"""Projects as the viewer sees them: opened once, read-only, shared by all sessions."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from spray import store
from spray.files import refuse_links
from spray.store import corrections
from spray.virelay.project import open_virelay
from viewer.projects import classes
from viewer.projects.channels import Variables
from viewer.projects.tree import Clusterings

EMBEDDINGS_FIRST = ("tsne", "umap", "pca")
LARGEST_OUTPUT = 20_000_000  # numbers read to tell the confidence of a category's samples
HAS = "label"  # and a class: a variable of samples of several labels
MOST_APART = 40  # classes that are variables of their own
NOT_EMBEDDINGS = ("neighbor", "distance", "output", "delta")


@dataclass(frozen=True, eq=False)
class Project:
    """One project, or the reason why there is none at `path`."""

    key: str
    path: Path
    stamp: tuple = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    attributions: xr.Dataset = field(default_factory=xr.Dataset)
    analyses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # name -> categories
    error: str = ""
    foreign: Mapping[str, Mapping[str, xr.Dataset]] | None = None  # the analyses of a project that is not ours
    incomplete: str = ""  # a line that says so, if samples are missing
    of: str = ""  # the key of the project that this one is a correction of, made by a request there

    def categories(self, analysis: str) -> Mapping[str, xr.Dataset]:
        """Category -> dataset, each read when it is asked for."""
        return store.open_analysis(self.path, analysis) if self.foreign is None else self.foreign[analysis]

    @property
    def home(self) -> Path:
        """The folder that keeps what visitors add."""
        return self.path if self.foreign is None else self.path.with_suffix(".viewer")

    @property
    def coverage(self) -> str:
        """How many samples there are of those that there should be; "" where the project does not say."""
        number = store.expected_number(self.facts)
        return "" if number is None else f"{self.attributions.sizes['sample']} of {number} samples"

    @property
    def name(self) -> str:
        return str(self.facts.get("name") or self.key)

    @cached_property
    def label_names(self) -> tuple[str, ...]:
        if "label_name" in self.attributions.coords:
            return tuple(map(str, self.attributions.label_name.values))
        return tuple(map(str, self.facts.get("label_names") or ()))

    @cached_property
    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Sorted sample ids, and the row of each."""
        ids = self.attributions.sample.values
        order = np.argsort(ids, kind="stable")
        return ids[order], order

    def find(self, ids: np.ndarray) -> np.ndarray:
        """The row of each sample id, -1 for an unknown one."""
        known, order = self.rows
        if not len(known):
            return np.full(len(ids), -1)
        at = np.minimum(np.searchsorted(known, ids), len(known) - 1)
        return np.where(known[at] == ids, order[at], -1)

    def label_text(self, label: Any) -> str:
        """A label as people know it: its name, else its number."""
        text = str(label)
        if text in (names := self.facts.get("category_names") or {}):
            return str(names[text])
        if len(text) < 10 and text.isdecimal() and int(text) < len(self.label_names):
            return self.label_names[int(text)]
        return text

    def category_text(self, category: str) -> str:
        """A category with its human-readable label, `seven (7)`."""
        name = self.label_text(category)
        return category if name == category else f"{name} ({category})"


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


def open_projects(paths: Sequence[str]) -> dict[str, Project]:
    """Key -> project, in the order given; a project that cannot be read is there, with its error."""
    projects: dict[str, Project] = {}
    for path in paths:
        key = _unique(_name(Path(path)), projects)
        try:
            projects[key] = _open(key, Path(path).resolve(), _stamp(Path(path)))
        except (OSError, ValueError, RuntimeError) as error:  # gone meanwhile, not readable, or a circle of links
            projects[key] = Project(key, Path(path), error=str(error) or repr(error))
    return projects | _corrected(projects)


def _corrected(projects: Mapping[str, Project]) -> dict[str, Project]:
    """What came of corrections that were asked for in these projects."""
    found: dict[str, Project] = {}
    for key, project in projects.items():
        for path in corrections.done(project.home):
            own = _unique(f"{key} corrected {path.name}", {**projects, **found})
            found[own] = _open_corrected(own, path.resolve(), _stamp(path), key)
    return found


@lru_cache(maxsize=64)
def _open_corrected(key: str, path: Path, stamp: tuple, of: str) -> Project:
    return replace(_open(key, path, stamp), of=of)


def _name(path: Path) -> str:
    """A folder's own name; project.yaml is called after the folder it lies in."""
    path = Path(os.path.realpath(path))  # Path.resolve has an error for a circle of links
    return (path.parent.name if path.suffix in (".yaml", ".yml") else path.name) or "project"


def _unique(name: str, taken: Mapping[str, Any]) -> str:
    number = 2
    key = name
    while key in taken:
        key, number = f"{name}-{number}", number + 1
    return key


def _stamp(path: Path) -> tuple:
    """What changes when samples or analyses are written: an open project is read again then. Not its folder, which
    changes with every finding that is kept: all windows would have a second copy of all that is open."""
    own = [path] if path.is_file() else [path / name for name in ("project.json", "attributions", "analyses")]
    files = [*own, *sorted(path.glob("analyses/*"))]
    return tuple((str(file), file.stat().st_mtime_ns) for file in files if file.exists())


@lru_cache(maxsize=64)
def _open(key: str, path: Path, stamp: tuple) -> Project:
    try:
        if path.suffix in (".yaml", ".yml"):
            return _open_foreign(key, path, stamp)
        facts = store.read_project(path)
        attributions = classes.with_classes(store.open_attributions(path))
        names = {name: tuple(store.open_analysis(path, name)) for name in store.analyses(path)}
        return Project(key, path, stamp, facts, attributions, names, incomplete=str(store.missing(path)))
    except Exception as error:  # whatever it is: the other projects stay open
        return Project(key, path, stamp, error=str(error) or repr(error))


def _open_foreign(key: str, path: Path, stamp: tuple) -> Project:
    found = open_virelay(path)
    refuse_links(path.with_suffix(".viewer"))  # its `home`, beside what the user named
    names = {name: tuple(categories) for name, categories in found.analyses.items()}
    return Project(key, path, stamp, found.facts, found.attributions, names, foreign=found.analyses)


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
