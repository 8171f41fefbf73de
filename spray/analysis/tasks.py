"""One category of an analysis as a task, and the ways to run many: in turn, over processes, over a dask cluster."""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import joblib
import xarray as xr

from spray import store
from spray._optional import optional
from spray.memo import memoize
from spray.memo.digest import digest
from spray.recipes.recipe import Recipe
from spray.store.lazy import compacted, identity

Grouping = str | Callable[[xr.Dataset], Any] | None
Report = Callable[[str], None]
Result = tuple[str, xr.Dataset | None, str]  # category, what was found unless it was written, error or ""


@dataclass(frozen=True)
class Task:
    """What one category needs; `data` on disk are read where the task runs."""

    category: str
    data: xr.Dataset
    recipe: Callable[..., xr.Dataset]
    by: Grouping
    memo: store.Place | None
    out: store.Place | None
    name: str
    coverage: str = ""
    """How many samples there are of those that there should be."""


def run(task: Task, report: Report = lambda _: None) -> Result:
    """Analyse one category, write it if it is to be written; an error is a result like any other."""
    try:
        key = _key(task)
        if task.out is not None and _is_done(task, key):
            return task.category, None, ""
        result = _analysed(task, report)
        result = result.assign_attrs(_facts(task) | _suspect(task, result) | {"key": key})
        if task.out is None:
            return task.category, result, ""
        store.write_category(task.out, task.name, task.category, result)
    except Exception as error:
        if task.out is not None:  # what is there is of another run: it must not pass for the answer
            store.drop_category(task.out, task.name, task.category)
        return task.category, None, f"{type(error).__name__}: {error}"
    return task.category, None, ""


def _analysed(task: Task, report: Report) -> xr.Dataset:
    if not isinstance(task.recipe, Recipe):
        return task.recipe(task.data)
    folder = task.memo
    memo = (lambda stage: stage) if folder is None else (lambda stage: memoize(stage, folder))
    return task.recipe(task.data, memo=memo, report=lambda step: report(f"{task.category}: {step}"))


def _key(task: Task) -> str:
    """What the result depends on: recipe, samples and attributions, libraries."""
    told = [task.coverage] if task.coverage else []  # else the keys of versions up to 0.2 would change
    return digest(task.recipe, identity(task.data), store.versions(), *told)


def _is_done(task: Task, key: str) -> bool:
    try:
        return store.category_attrs(task.out or "", task.name, task.category).get("key") == key
    except store.ProjectError:
        return False


def _facts(task: Task) -> dict[str, Any]:
    return {
        "category": task.category,
        "label": label_name(task.data, task.by, task.category),
        "by": task.by if isinstance(task.by, str) else getattr(task.by, "__qualname__", "all"),
        "n": task.data.sizes["sample"],
        "recipe": str(task.recipe),
        "versions": json.dumps(store.versions()),
        **({"coverage": task.coverage} if task.coverage else {}),
    }


def _suspect(task: Task, result: xr.Dataset) -> dict[str, Any]:
    """Where the suspect is found, beside its clustering and cluster: in which analysis, and of what."""
    if "suspect_clustering" not in result.attrs:
        return {}
    steps = task.recipe.steps if isinstance(task.recipe, Recipe) else ()
    views = [name.partition(".")[2] for step in steps[:1] for name in step.inputs]
    return {"suspect_analysis": task.name, "suspect_view": result.attrs.get("suspect_view") or ", ".join(views)}


def label_name(data: xr.Dataset, by: Grouping, category: str) -> str:
    """The name of a category that is a class number, else the category itself."""
    if by in ("label", "prediction", "target") and "label_name" in data.coords and category.isdecimal():
        names = data.coords["label_name"].values
        return str(names[int(category)]) if int(category) < len(names) else category
    return category


def in_turn(tasks: Iterable[Task], report: Report) -> Iterator[Result]:
    """One after the other, here."""
    return (run(task, report) for task in tasks)


def over_processes(processes: int) -> Callable[[Iterable[Task], Report], Iterator[Result]]:
    """Several at once in processes that share the cores; the report names the category that was done last."""

    def over(tasks: Iterable[Task], report: Report) -> Iterator[Result]:
        threads = max(1, (os.cpu_count() or 1) // processes)
        with joblib.parallel_config("loky", n_jobs=processes, inner_max_num_threads=threads):
            jobs = (joblib.delayed(run)(_sendable(task)) for task in tasks)
            results: Any = joblib.Parallel(return_as="generator_unordered")(jobs)
            for result in results:
                report(result[0])
                yield result

    return over


def over_client(client: Any) -> Callable[[Iterable[Task], Report], Iterator[Result]]:
    """One task a category on the workers of a `dask.distributed.Client`, which see the same files."""

    def over(tasks: Iterable[Task], report: Report) -> Iterator[Result]:
        distributed = optional("dask.distributed", purpose="a dask cluster")
        futures = {client.submit(run, _sendable(task), pure=False): task.category for task in tasks}
        for future in distributed.as_completed(list(futures)):
            category, error = futures.pop(future), future.exception()
            report(category)
            yield future.result() if error is None else (category, None, f"{type(error).__name__}: {error}")
            future.release()

    return over


def _sendable(task: Task) -> Task:
    return replace(task, data=compacted(task.data))
