"""Files for the world outside: the selection as a table, the embedding as a drawing, the code that makes both again."""

import csv
import io
import re
from datetime import datetime

import numpy as np
from markupsafe import Markup

from viewer import html
from viewer.projects import Category, Project
from viewer.projects.tree import CUT_NAME
from viewer.scene.points.columns import axis
from viewer.scene.points.grouping import grouping, variables
from viewer.state import State, decode
from viewer.state.paint import css

FOREIGN = "# this project is ViRelAy's: `lrp-viewer convert` makes the folder that belongs below"
MOST_DRAWN = 50_000


def table(category: Category, state: State) -> str:
    """CSV of the selected samples (all if none is selected): ids, clusters, position, every per-sample variable."""
    rows = _rows(category, state)
    points = category.embeddings[state.embedding]
    columns = {"sample": category.sample, **category.clusterings}
    columns |= {state.embedding + f" {at + 1}": axis(points, at) for at in (state.x, state.y)}
    columns |= {name: category.variables[name] for name in variables(category)}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_harmless(name) for name in columns])
    writer.writerows(zip(*([_harmless(v) for v in values[rows].tolist()] for values in columns.values()), strict=True))
    return out.getvalue()


def _harmless(value: object) -> object:
    """Text that a spreadsheet would run as a formula is quoted first."""
    return "'" + value if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def drawing(category: Category, state: State, size: int = 800) -> Markup:
    """SVG of the embedding in its colours, the selection in front and the rest pale."""
    points = category.embeddings[state.embedding]
    x, y = axis(points, state.x).astype(float), -axis(points, state.y).astype(float)
    selected = category.rows(decode(state.selection))
    words = grouping(category, state).colours
    span = max(np.ptp(x), np.ptp(y), 1e-9)
    place = np.stack([(x - (x.min() + x.max()) / 2) / span + 0.5, (y - (y.min() + y.max()) / 2) / span + 0.5]).T
    place = 20 + place * (size - 40)
    order = np.argsort(selected, kind="stable")[-MOST_DRAWN:]
    pale = selected.any()
    opacity = np.where(selected | ~pale, 0.9, 0.2)
    dots = [_dot(place[row, 0], place[row, 1], int(words[row]), float(opacity[row])) for row in order]
    title = html.tag("title", f"{state.embedding} of category {category.name}, {len(order)} samples")
    view = {"viewBox": f"0 0 {size} {size}", "xmlns": "http://www.w3.org/2000/svg"}
    return html.tag("svg", title, *dots, **view) + "\n"


def _dot(x: float, y: float, word: int, opacity: float) -> Markup:
    fill = css((word >> 24, word >> 16 & 255, word >> 8 & 255))
    return Markup(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{fill}" fill-opacity="{opacity}"/>'
    )  # colours and numbers only


def snippet(project: Project, category: Category, state: State) -> str:
    """Python that finds the same samples, embedding and clusters in the project's files."""
    ids = category.sample[_rows(category, state)].tolist()
    lines = [
        f"# {len(ids)} samples, as selected in the viewer",
        FOREIGN if project.foreign is not None else "#",
        "from spray import clustering, store" if CUT_NAME.fullmatch(state.clustering) else "from spray import store",
        "",
        f"path = {str(project.path)!r}",
        f"sample = {ids}",
        "",
        f"category = store.open_analysis(path, {state.analysis!r})[{state.category!r}].sel(sample=sample)",
        f"points = category[{state.embedding!r}].values[:, [{state.x}, {state.y}]]",
        _cluster_line(category, state),
        "",
        "attributions = store.open_attributions(path).sel(sample=sample)",
        'image, relevance = attributions["image"], attributions["relevance"]  # read when .values is asked for',
    ]
    return "\n".join(lines) + "\n"


def _cluster_line(category: Category, state: State) -> str:
    if match := CUT_NAME.fullmatch(state.clustering):
        space = getattr(category.clusterings.points, "name", None)
        whole = f"store.open_analysis(path, {state.analysis!r})[{state.category!r}][{space!r}]"
        return f"cluster = clustering.agglomerative({whole}, clusters={match[1]}).cluster[0].sel(sample=sample).values"
    return f'cluster = category["cluster"].sel(clustering={state.clustering!r}).values' if state.clustering else ""


def file_name(project: Project, state: State, kind: str) -> str:
    """A name that any file system takes: date, project, category."""
    words = (datetime.now().strftime("%Y-%m-%d-%H-%M-%S"), project.key, state.analysis, state.category)
    return re.sub(r"[^\w.-]+", "_", " ".join(words))[:120] + f".{kind}"


def _rows(category: Category, state: State) -> np.ndarray:
    rows = category.rows(decode(state.selection))
    return np.flatnonzero(rows if rows.any() else np.ones_like(rows))
