"""A recipe on every category of a project."""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from tqdm import tqdm

from spray import store
from spray.analysis.several import cut, rows_of, several
from spray.analysis.tasks import Grouping, Task, in_turn, over_client, over_processes
from spray.store.categories import Analysis

log = logging.getLogger(__name__)


def analyse(
    attributions: xr.Dataset | xr.DataArray,
    recipe: Callable[..., xr.Dataset],
    *,
    by: Grouping = "label",
    categories: Iterable[Any] | None = None,
    min_size: int = 1,
    memo: store.Place | None = None,
    out: store.Place | None = None,
    name: str = "spectral",
    processes: int = 1,
    client: Any = None,
    progress: bool = True,
) -> xr.DataTree | Analysis:
    """`recipe` on the samples of each category: one node of the tree a category, or with `out` one file a category.

    `by` is a per-sample coordinate (label, prediction, target, ...), a function of the attributions that gives one
    value a sample, or None for all samples at once. Categories of fewer than `min_size` samples are left out. By
    label, a sample of several labels is in several categories, in each with the relevance of that class.
    `memo` is a folder that remembers what the stages computed.

    With `out`, a project, each category is written when it is done, and the analysis `name` is returned as a mapping
    that reads a category when asked for; run again, what is there and still right is not done again. A category that
    fails is recorded with its error, in the index or in the tree's attribute `errors`, and the others are done.

    Where the project says how many samples its data set has, each result has the attribute `coverage`: "500 of 1000
    samples", of all categories together.

    Categories are shared among `processes`, or among the workers of `client`, a `dask.distributed.Client`.

    Args:
        attributions: `(sample, ...)`, in memory or of `spray.open_attributions`.
        recipe: Of `spray.recipes`, or any function `(attributions of one category) -> Dataset`.
        by: What the categories are.
        categories: Only these; None for all.
        min_size: Least number of samples.
        memo: A folder; None remembers nothing.
        out: A project; None keeps results in memory.
        name: Of the analysis in the project.
        processes: How many at once.
        client: Of dask.
        progress: Show a bar.

    Returns:
        A tree with a node a category; with `out`, category -> Dataset.

    Raises:
        ValueError: There is no such coordinate or category, or every category failed.

    Example:
        >>> import numpy as np, xarray as xr
        >>> from spray import recipes
        >>> heat = np.random.default_rng(0).normal(size=(40, 8, 8))
        >>> label = {"label": ("sample", np.arange(40) % 2)}
        >>> data = xr.DataArray(heat, label, ["sample", "height", "width"], name="relevance")
        >>> tree = analyse(data, recipes.spectral(neighbors=5, components=8), progress=False)
        >>> list(tree), tree["1"].spectral.shape
        (['0', '1'], (20, 8))
    """
    data = as_dataset(attributions)
    groups = {k: rows for k, rows in groups_of(data, by, categories).items() if len(rows) >= min_size}
    told = coverage(data, out)
    tasks = [
        Task(category, part, recipe, by, memo, out, name, told) for category, part in cut(data, groups, by).items()
    ]
    results, errors = {}, {}
    run = over_client(client) if client is not None else over_processes(processes) if processes > 1 else in_turn
    with tqdm(total=len(tasks), desc="analyse", unit="category", disable=None if progress else True) as bar:
        try:
            for category, result, error in run(tasks, bar.set_postfix_str):
                bar.update()
                if error:
                    log.warning("category %s failed: %s", category, error)
                    errors[category] = error
                else:
                    results[category] = result
        finally:  # also when interrupted: what is done is listed
            if out is not None and (results or errors):
                store.write_analysis_index(out, name, errors)
    if errors and not results:
        raise ValueError(f"every category failed, {next(iter(errors))} of: {next(iter(errors.values()))}")
    if out is not None:
        return store.open_analysis(out, name)
    tree = to_tree({category: results[category] for category in groups if category in results})
    tree.attrs.update({"errors": json.dumps(errors)} if errors else {})
    return tree


def coverage(data: xr.Dataset, out: store.Place | None = None) -> str:
    """How many samples there are of those that there should be, "" where nobody knows.

    Args:
        data: Of `spray.open_attributions`, whose attributes say what the project expects.
        out: A project that says it, if the attributes do not.

    Returns:
        "500 of 1000 samples".

    Raises:
        ProjectError: `out` has a project.json that cannot be read.

    Example:
        >>> import json, xarray as xr
        >>> samples = json.dumps({"number": 1000, "ids": "", "part_size": 256})
        >>> coverage(xr.Dataset(coords={"sample": range(500)}, attrs={"samples": samples}))
        '500 of 1000 samples'
    """
    number = store.expected_number(data.attrs)
    if number is None and out is not None and (Path(out) / "project.json").exists():
        number = store.expected_number(store.read_project(out))
    return "" if number is None else f"{data.sizes['sample']} of {number} samples"


def to_tree(results: Mapping[str, xr.Dataset]) -> xr.DataTree:
    """One node a category; a node's name cannot hold a slash, its `category` attribute can.

    Args:
        results: Category -> Dataset.

    Returns:
        A tree of depth 1.

    Example:
        >>> import xarray as xr
        >>> list(to_tree({"a/b": xr.Dataset()}))
        ['a∕b']
    """
    return xr.DataTree.from_dict({f"/{k.replace('/', '∕') or '∅'}": dataset for k, dataset in results.items()})


def as_dataset(attributions: xr.Dataset | xr.DataArray) -> xr.Dataset:
    """A dataset whose samples have ids.

    Args:
        attributions: With a dimension `sample`.

    Returns:
        The dataset.

    Raises:
        ValueError: There is no such dimension.

    Example:
        >>> as_dataset(xr.DataArray([1.0, 2.0], dims="sample")).sample.values.tolist()
        [0, 1]
    """
    if isinstance(attributions, xr.DataArray):
        attributions = attributions.to_dataset(name=attributions.name or "relevance")
    if "sample" not in attributions.dims:
        raise ValueError(f"attributions need a dimension 'sample', got {tuple(attributions.sizes)}: rename one")
    if "sample" not in attributions.coords:
        attributions = attributions.assign_coords(sample=np.arange(attributions.sizes["sample"]))
    return attributions


def groups_of(data: xr.Dataset, by: Grouping, categories: Iterable[Any] | None) -> dict[str, np.ndarray]:
    """Category -> rows, in the order of the values.

    Args:
        data: With a dimension `sample`.
        by, categories: As in `analyse`.

    Returns:
        The rows of each category.

    Raises:
        ValueError: There is no such coordinate or category.

    Example:
        >>> import xarray as xr
        >>> data = xr.Dataset(coords={"sample": [5, 6, 7], "label": ("sample", [1, 0, 1])})
        >>> {k: rows.tolist() for k, rows in groups_of(data, "label", None).items()}
        {'0': [1], '1': [0, 2]}
    """
    if by is None:
        return {"all": np.arange(data.sizes["sample"])}
    found = rows_of(data) if several(data, by) else _of_values(data, by)
    if categories is None:
        return found
    wanted = [str(category) for category in categories]
    if lost := [category for category in wanted if category not in found]:
        raise ValueError(f"no sample is of category {', '.join(lost)}; there are {', '.join(list(found)[:20])}")
    return {category: found[category] for category in wanted}


def _of_values(data: xr.Dataset, by: str | Callable[[xr.Dataset], Any]) -> dict[str, np.ndarray]:
    values = np.asarray(by(data)) if callable(by) else _coordinate(data, by)
    if values.shape != (data.sizes["sample"],):
        raise ValueError(
            f"by must give one value a sample, got shape {values.shape} for {data.sizes['sample']} samples"
        )
    return {str(value): np.flatnonzero(values == value) for value in np.unique(values[values == values])}


def _coordinate(data: xr.Dataset, by: str) -> np.ndarray:
    known = [str(name) for name, v in data.variables.items() if v.dims == ("sample",) and name != "sample"]
    if by not in known:
        raise ValueError(
            f"no per-sample coordinate {by!r} to group by: give one of {', '.join(known) or 'none'} or by=None"
        )
    return data[by].values
