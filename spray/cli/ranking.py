"""Which category to look at first, as tables: the verdict, the scores of an analysis, and what is incomplete."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np

from spray import analysis, store
from spray._tables import table
from spray.analysis.suspects import NAME
from spray.verdict import LOOK

# where a column that ranks is found if the first is missing: recipes without clusterings have no score
ORDER = ("suspicion", "clever_hans", "cluster_gap", "eigengap")


def banner(project: Path, *indices: Any) -> None:
    """Say on stderr that a project is incomplete, and that analyses, whose indices are given, are of fewer samples."""
    if not (project / "project.json").exists():  # analyses alone can be ranked
        return
    try:
        found = store.missing(project)
    except store.ProjectError as error:
        click.echo(f"warning: {error}", err=True)
        return
    if found.complete is False:
        click.echo(f"warning: {found}", err=True)
    told = {str(text) for index in indices if "coverage" in index for text in index.coverage.values} - {""}
    now = f"{found.present} of {found.expected} samples"
    for coverage in sorted(told - {now}):
        click.echo(f"warning: the analysis is of {coverage}, the project has {now}", err=True)


def of_expected(samples: int, facts: Mapping[str, Any]) -> str:
    number = store.expected_number(facts)
    return f"{samples}" if number in (None, samples) else f"{samples} of {number}"


def grouping(project: Path, analyses: list[str]) -> str:
    """What the categories of the analyses are, where they agree."""
    indices = [store.read_analysis_index(project, name) for name in analyses]
    found = {str(by) for index in indices if "by" in index for by in index.by.values if by}
    return found.pop() if len(found) == 1 and found != {"all"} else "label"


def judged(project: Path, by: str, processes: int) -> str:
    """Make the verdict, or say why there is none."""
    try:
        analysis.judge(store.open_attributions(project), by=by, out=project, processes=processes)
    except store.ProjectError:
        raise
    except ValueError as error:
        return str(error)
    return ""


def verdicts(project: Path, top: int) -> str:
    """A row a category, the most suspicious first."""
    index = store.read_analysis_index(project, NAME)
    order = np.argsort(np.where(np.isnan(index.suspicion.values), np.inf, -index.suspicion.values), kind="stable")
    shown = ["label", "n", "suspicion", "judgement", *(["used"] if "used" in index else []), "reasons", "first_samples"]
    texts = {key: index[key].values for key in ("error", *shown)}
    rows = [[index.category.values[i], *(texts[key][i] for key in shown)] for i in order[:top]]
    for row, i in zip(rows, order, strict=False):
        if texts["error"][i]:
            row[1 + shown.index("reasons")] = f"failed: {texts['error'][i]}"
    lines = [table(rows, ["category", *shown])]
    missing = next((text for text in index.missing.values if text), "")
    lines += [f"missing: {missing}"] if missing else []
    lines += [] if "used" in index else [f"not tested: does the model use it? lrp verify {project} --model ..."]
    lines += [f"next: spray rank {project} --explain {rows[0][0]}; a high number is a reason to look, not a proof"]
    return "\n\n".join(lines)


def explained(project: Path, category: str, others: list[str]) -> str:
    """All that is known of the suspect of one category, and the scores of the analyses beside it.

    Raises:
        click.UsageError: There is no verdict on this category.
    """
    verdicts = store.open_analysis(project, NAME)
    if category not in verdicts:
        raise click.UsageError(f"no verdict on {category!r}: give one of {', '.join(list(verdicts)[:20])}")
    found, facts = verdicts[category], verdicts[category].attrs
    members = found.sample.values[found.cluster.sel(clustering=NAME).values == facts.get("suspect_cluster", -1)]
    rows = [
        ("category", f"{category} {facts['label'] if facts['label'] != category else ''}".strip()),
        ("suspicion", f"{facts['suspicion']:.2f}: {facts['judgement']} (from {LOOK:g} on: look here)"),
        ("reasons", facts["reasons"]),
        ("used", f"{facts['used']}: {facts['effect']}" if "used" in facts else "not tested: lrp verify"),
        ("look first at", f"samples {facts['first_samples']}"),
        ("all samples", " ".join(map(str, members[:100])) + (" ..." if len(members) > 100 else "")),
        (
            "suspect",
            f"analysis {NAME}, view {facts.get('suspect_view', '-')}, clustering {NAME}, "
            f"cluster {facts.get('suspect_cluster', '-')}",
        ),
    ]
    rows += [("further suspects", facts["further"])] if "further" in facts else []
    rows += [("the same suspect in", facts["same_as"])] if "same_as" in facts else []
    rows += [("missing", facts["missing"])] if facts["missing"] else []
    views = sorted(zip(found.view.values, found.unusual.values, strict=True), key=lambda pair: -pair[1])
    lines = [
        table(rows),
        table([[name, float(np.exp(value))] for name, value in views], ["view", "times what is usual"]),
    ]
    scores = [[name, *_score_of(project, name, category)] for name in others]
    lines += [table(scores, ["analysis", "clever_hans", "suspect"])] if scores else []
    return "\n\n".join(lines)


def _score_of(project: Path, name: str, category: str) -> tuple[float, str]:
    """The old score, and where its suspect is."""
    try:
        facts = store.category_attrs(project, name, category)
    except store.ProjectError:
        return float("nan"), "-"
    place = [str(facts[key]) for key in ("suspect_view", "suspect_clustering", "suspect_cluster") if key in facts]
    return float(facts.get("clever_hans", np.nan)), " ".join(place) or "-"


def scores(project: Path, name: str, sort: str | None, top: int) -> str:
    """A row a category with the scores of an analysis.

    Raises:
        click.UsageError: There is no such number to sort by.
    """
    index = store.read_analysis_index(project, name)
    banner(project, index)
    columns = [str(key) for key, column in index.data_vars.items() if column.dtype.kind in "fiu"]
    sort = sort or next((column for column in ORDER if column in columns), "n")
    if sort not in columns:
        raise click.UsageError(f"no number {sort!r} to sort by: give one of {', '.join(columns)}")
    values = index[sort].values.astype(float)
    order = np.argsort(np.where(np.isnan(values), np.inf, -values), kind="stable")[:top]
    wanted = [
        "label",
        "n",
        sort,
        *ORDER,
        "suggested_k",
        "suspect_view",
        "suspect_clustering",
        "suspect_cluster",
        "error",
    ]
    shown = [
        key for key in dict.fromkeys(wanted) if key in index and (key != "error" or (index.error.values != "").any())
    ]
    rows = [[index[key].values[i] for key in ("category", *shown)] for i in order]
    return table(rows, ["category", *shown])
