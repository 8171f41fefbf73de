"""The verdict on every category of a project: three passes, of which none holds more than one category at a time."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import joblib
import numpy as np
import xarray as xr
from tqdm import tqdm

from spray import store
from spray.analysis.judged import Judged, alike, gathered, weigh, white_spaces
from spray.analysis.run import as_dataset, groups_of
from spray.analysis.several import cut, several
from spray.analysis.tasks import Grouping, label_name
from spray.memo.digest import digest
from spray.stages.clustering import clusterings
from spray.store.categories import Analysis
from spray.store.lazy import compacted, identity
from spray.verdict import (
    LOOK,
    Suspect,
    Weighed,
    cell_names,
    each_suspect,
    judgement,
    missing,
    same_suspects,
    sentence,
    shared_gap,
    usual,
    views_of,
)

log = logging.getLogger(__name__)
NAME = "verdict"  # of the analysis
VERSION = 4  # raised when a verdict changes
FIRST = 8  # samples to look at
READ = {"relevance", "image", "token_text", "feature_name", "channel_name"}
"""Variables that views, and the reasons in words, are made of."""


def judge(
    attributions: xr.Dataset | xr.DataArray,
    *,
    by: Grouping = "label",
    out: store.Place | None = None,
    processes: int = 1,
    progress: bool = True,
) -> dict[str, xr.Dataset] | Analysis:
    """The suspect of every category, see `spray.verdict`: from whatever views the attributions have.

    With `out`, a project, one file a category is written, as the analysis "verdict", and nothing is done anew that is
    there and still right. Attributes of a category: `suspicion`, `judgement` and `reasons` in words, `first_samples`
    to look at, `missing` views, `suspects`, their number, with the reasons of the others in `further`, `same_as`,
    categories whose suspect is the same, and where the suspect is: `suspect_analysis`, `suspect_view`,
    `suspect_clustering`, `suspect_cluster`. Variables: `cluster (clustering, sample)`, `line (sample)`, the direction
    that tells the group apart, `plane (sample, axis)` with it, and `unusual (view)`.

    Args:
        attributions: `(sample, ...)`, in memory or of `spray.open_attributions`.
        by: What the categories are, as in `spray.analyse`.
        out: A project; None keeps results in memory.
        processes: How many at once.
        progress: Show a bar.

    Returns:
        Category -> Dataset.

    Raises:
        ValueError: There are fewer than two categories, or nothing to look at.

    Example:
        >>> import numpy as np, xarray as xr
        >>> heat = 1 + 0.1 * np.random.default_rng(0).normal(size=(120, 8, 8))
        >>> heat[:12, 6:, 6:] += 9  # in a corner
        >>> coords = {"label": ("sample", np.repeat([0, 1, 2], 40))}
        >>> found = judge(xr.DataArray(heat, coords, ["sample", "height", "width"], "relevance"), progress=False)
        >>> max(found, key=lambda name: found[name].attrs["suspicion"])
        '0'
        >>> found["0"].attrs["reasons"][:56]
        '12 samples, 30 %; what sets them apart: relevance at the'
    """
    data = as_dataset(attributions)
    groups, views = groups_of(data, by, None), views_of(data)
    if len(groups) < 2:
        raise ValueError(f"a verdict compares categories, there is only {', '.join(groups) or 'none'}: give another by")
    if not views:
        raise ValueError("a verdict needs relevance or statistics of hidden layers: attribute first")
    of_labels = ("labels", "explained", "relevance_each") if several(data, by) else ()
    kept = data[[name for name in data.variables if name in {*READ, *views, *of_labels}]]
    facts = {"by": by if isinstance(by, str) else "all", "recipe": NAME, "versions": json.dumps(store.versions())}
    facts["key"] = digest(VERSION, list(groups), list(views), identity(kept), store.versions())
    if out is not None and _is_done(out, groups, facts["key"]):
        return store.open_analysis(out, NAME)
    drawn = cut(kept, groups, by)
    categories = {category: part.drop_vars(list(of_labels), errors="ignore") for category, part in drawn.items()}
    with tqdm(total=3 * len(groups), desc=NAME, unit="step", disable=None if progress else True) as bar:
        judged, errors = gathered(categories, views, bar)
        found = dict(_weighed(judged, processes, bar))
        same = alike({name: gap for name, (_, gap) in found.items()})
        weighs = {name: weigh(judged, at, same[name])[0] if name in same else found[name][0]
                  for at, name in enumerate(judged.data)}  # fmt: skip
        levels = np.stack([one.level for one in weighs.values()])
        results, gaps = {}, {}
        for at, category in enumerate(judged.data):
            result, gap = _result(judged, at, weighs[category], levels, same.get(category, []))
            result = result.assign_attrs(facts | {"category": category, "label": label_name(data, by, category)})
            bar.update()
            if gap is not None:
                gaps[category] = gap
            if out is None:
                results[category] = result
            else:
                store.write_category(out, NAME, category, result)
    for category, others in same_suspects(gaps).items():
        if out is None:
            results[category].attrs["same_as"] = ", ".join(others)
        else:
            written = store.open_analysis(out, NAME)[category]
            store.write_category(out, NAME, category, written.assign_attrs(same_as=", ".join(others)))
    if out is None:
        return results
    store.write_analysis_index(out, NAME, errors)
    return store.open_analysis(out, NAME)


def _is_done(out: store.Place, groups: Mapping[str, Any], key: str) -> bool:
    if NAME not in store.analyses(out):
        return False
    index = store.read_analysis_index(out, NAME)
    keys = dict(zip(index.category.values, index["key"].values, strict=True)) if "key" in index else {}
    failed = set(index.category.values[index.error.values != ""])
    return set(keys) == set(groups) and all(found == key for name, found in keys.items() if name not in failed)


def _weighed(judged: Judged, processes: int, bar: tqdm) -> Iterator[tuple[str, tuple[Weighed, np.ndarray]]]:
    names = list(judged.data)
    if processes == 1:
        for at, name in enumerate(names):
            yield name, weigh(judged, at)
            bar.update()
        return
    # a task is sent its own category only; the others keep their place
    empty = dict.fromkeys(names)
    alone = (judged._replace(data=empty | {name: compacted(judged.data[name])}) for name in names)
    jobs = (joblib.delayed(weigh)(one, at) for at, one in enumerate(alone))
    with joblib.parallel_config("loky", n_jobs=processes, inner_max_num_threads=1):
        results: Any = joblib.Parallel(return_as="generator")(jobs)
        for name, result in zip(names, results, strict=True):
            yield name, result
            bar.update()


def _result(
    judged: Judged, at: int, found: Weighed, levels: np.ndarray, leave: Sequence[str]
) -> tuple[xr.Dataset, np.ndarray | None]:
    """The verdict on one category; and what sets its suspect apart, to compare with others, if it stands out."""
    values, spaces, rest = white_spaces(judged, at, leave)
    one, *more = each_suspect(spaces, found, usual(np.delete(levels, at, 0)), rest, raw=values)
    data = list(judged.data.values())[at]
    line = xr.DataArray(one.line, dims="sample", coords={"sample": data.sample.values})
    groups = np.zeros(len(one.members), int)
    for number, each in enumerate([one, *more], 1):
        groups[each.members] = number
    rows = {NAME: (groups, {}), "as found": (one.cluster.astype(int), {})}
    clusters = clusterings(NAME, rows, line)
    gap = shared_gap(values, judged.whole, one.members) if one.suspicion >= LOOK / 1.5 else None
    plane = np.stack([one.line, _second(spaces[one.view].values, one.line)], 1)
    found_by = {
        "line": line,
        "plane": (("sample", "axis"), plane),
        "unusual": ("view", list(one.by_view.values())),
    }
    names = cell_names(data.compute()) if "relevance" in data else ()
    attrs = _attrs(one, sentence(one, values, names), clusters.cluster.values[0], data.sample.values)
    attrs |= {"n": data.sizes["sample"], "missing": missing(judged.views), "suspects": 1 + len(more)}
    if more:
        told = [f"suspicion {each.suspicion:.2f}: {sentence(each, values, names)}" for each in more]
        attrs["further"] = "; ".join(told)
    made = clusters.assign(found_by).assign_coords(view=np.asarray(list(one.by_view), object)).assign_attrs(attrs)
    return made, gap


def _attrs(one: Suspect, reasons: str, cluster: np.ndarray, ids: np.ndarray) -> dict[str, Any]:
    members = np.flatnonzero(one.members)
    first = members[np.argsort(-one.line[members], kind="stable")][:FIRST]
    where = {"suspect_analysis": NAME, "suspect_view": one.view, "suspect_clustering": NAME}
    return {
        "suspicion": one.suspicion,
        "judgement": judgement(one.suspicion),
        "suspect_size": len(members),
        "reasons": reasons,
        "first_samples": " ".join(str(ids[row]) for row in first),
        **(where | {"suspect_cluster": int(cluster[members[0]])} if len(members) else {}),
    }


def _second(values: np.ndarray, line: np.ndarray) -> np.ndarray:
    """The direction of most variance beside the line, to draw a plane by."""
    centred, axis = values - values.mean(0), line - line.mean()
    length = axis @ axis
    rest = centred - np.outer(axis, axis @ centred / length) if length > 0 else centred
    left, size, _ = np.linalg.svd(rest, full_matrices=False)
    return left[:, 0] * size[0]
