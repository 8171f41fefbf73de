"""A recipe on every category of a project."""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from tqdm import tqdm

from spray import store as project
from spray.memo import memoize

log = logging.getLogger(__name__)
Grouping = str | Callable[[xr.Dataset], Any] | None


def analyse(
    attributions: xr.Dataset | xr.DataArray,
    recipe: Callable[..., xr.Dataset],
    *,
    by: Grouping = "label",
    categories: Iterable[Any] | None = None,
    min_size: int = 1,
    store: project.Place | None = None,
    out: project.Place | None = None,
    name: str = "spectral",
    progress: bool = True,
) -> xr.DataTree:
    """`recipe` on the samples of each category, one node of the tree a category.

    `by` is a per-sample coordinate (label, prediction, target, ...), a function of the attributions that gives one
    value a sample, or None for all samples at once. Categories of fewer than `min_size` samples are left out.
    `store` is a folder that remembers the stages. With `out`, a project, each category is written when it is done.

    >>> import numpy as np, xarray as xr
    >>> from spray import recipes
    >>> heat = np.random.default_rng(0).normal(size=(40, 8, 8))
    >>> data = xr.DataArray(heat, dims=["sample", "height", "width"], coords={"label": ("sample", np.arange(40) % 2)})
    >>> tree = analyse(data.rename("relevance"), recipes.spectral(neighbors=5, components=8), progress=False)
    >>> list(tree), tree["1"].spectral.shape
    (['0', '1'], (20, 8))
    """
    data = _as_dataset(attributions)
    groups = {k: rows for k, rows in _groups(data, by, categories).items() if len(rows) >= min_size}
    results = {}
    bar = tqdm(groups.items(), desc="analyse", unit="category", disable=None if progress else True)
    for category, rows in bar:
        results[category] = _one(data.isel(sample=rows), recipe, category, by, store, bar)
        if out is not None:
            project.write_category(out, name, category, results[category])
    if out is not None:
        project.write_analysis_index(out, name)
    return to_tree(results)


def to_tree(results: Mapping[str, xr.Dataset]) -> xr.DataTree:
    """One node a category; a node's name cannot hold a slash, its `category` attribute can."""
    return xr.DataTree.from_dict({f"/{k.replace('/', '∕') or '∅'}": dataset for k, dataset in results.items()})


def _as_dataset(attributions: xr.Dataset | xr.DataArray) -> xr.Dataset:
    if isinstance(attributions, xr.DataArray):
        attributions = attributions.to_dataset(name=attributions.name or "relevance")
    if "sample" not in attributions.dims:
        raise ValueError(f"attributions need a dimension 'sample', got {tuple(attributions.sizes)}: rename one")
    if "sample" not in attributions.coords:
        attributions = attributions.assign_coords(sample=np.arange(attributions.sizes["sample"]))
    return attributions


def _groups(data: xr.Dataset, by: Grouping, categories: Iterable[Any] | None) -> dict[str, np.ndarray]:
    """Category -> rows, in the order of the values."""
    if by is None:
        return {"all": np.arange(data.sizes["sample"])}
    values = np.asarray(by(data)) if callable(by) else _coordinate(data, by)
    if values.shape != (data.sizes["sample"],):
        raise ValueError(
            f"by must give one value a sample, got shape {values.shape} for {data.sizes['sample']} samples"
        )
    found = {str(value): np.flatnonzero(values == value) for value in np.unique(values[values == values])}
    if categories is None:
        return found
    wanted = [str(category) for category in categories]
    if lost := [category for category in wanted if category not in found]:
        raise ValueError(f"no sample is of category {', '.join(lost)}; there are {', '.join(list(found)[:20])}")
    return {category: found[category] for category in wanted}


def _coordinate(data: xr.Dataset, by: str) -> np.ndarray:
    known = [str(name) for name, v in data.variables.items() if v.dims == ("sample",) and name != "sample"]
    if by not in known:
        raise ValueError(
            f"no per-sample coordinate {by!r} to group by: give one of {', '.join(known) or 'none'} or by=None"
        )
    return data[by].values


def _one(
    data: xr.Dataset,
    recipe: Callable[..., xr.Dataset],
    category: str,
    by: Grouping,
    store: project.Place | None,
    bar: Any,
) -> xr.Dataset:
    options: dict[str, Any] = {}
    if hasattr(recipe, "steps"):
        options["report"] = lambda step: bar.set_postfix_str(f"{category}: {step}")
        if store is not None:
            options["memo"] = lambda stage: memoize(stage, store)
    result = recipe(data, **options)
    facts = {
        "category": category,
        "label": label_name(data, by, category),
        "by": by if isinstance(by, str) else getattr(by, "__qualname__", "all"),
        "n": data.sizes["sample"],
        "recipe": str(recipe),
        "versions": json.dumps(project.versions()),
    }
    return result.assign_attrs(facts)


def label_name(data: xr.Dataset, by: Grouping, category: str) -> str:
    """The name of a category that is a class number, else the category itself."""
    if by in ("label", "prediction", "target") and "label_name" in data.coords and category.isdecimal():
        names = data.coords["label_name"].values
        return str(names[int(category)]) if int(category) < len(names) else category
    return category
