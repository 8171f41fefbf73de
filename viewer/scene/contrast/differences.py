"""What tells the selected samples from the rest of their category."""

import numpy as np

from spray.arrays.association import Found, associations
from viewer.scene.points.filters import NAMED, passing
from viewer.scene.points.grouping import variables
from viewer.scene.scene import Scene
from viewer.state import decode, filters
from viewer.state.filters import Filter

MOST_TESTED = 50_000  # of the selection, and as many of the rest: a million take seconds, and say the same


def differences(scene: Scene) -> list[Found] | None:
    """Every variable tested, the strongest first, against what else passes the filters; None without a selection."""
    category = scene.category
    selected = category.rows(decode(scene.state.selection))
    if not selected.any():
        return None
    made = {str(name) for name in category.data.data_vars}  # by the analysis, of what groups were found in
    names = [name for name in variables(category) if name not in made]
    first, second = _some(selected), _some(passing(category, scene.state) & ~selected)
    rows = np.concatenate([first, second])
    known = {name: category.variables[name][rows] for name in names if name != "label" or not category.labels}
    return associations(known, np.arange(len(rows)) < len(first), groups=NAMED)


def _some(rows: np.ndarray) -> np.ndarray:
    """At most `MOST_TESTED` of the rows of a mask, evenly spread."""
    found = np.flatnonzero(rows)
    return found[:: max(1, -(-len(found) // MOST_TESTED))]


def measured(found: Found) -> str:
    """`V 0.93, p < 1e-16`"""
    p = "p < 1e-16" if found.p < 1e-16 else f"p = {found.p:.2g}"
    return f"{found.association.measure} {found.association.value:.2f}, {p}"


def typical(scene: Scene, found: Found) -> tuple[str, str]:
    """In words what is typical of the selection, and the filter that finds it."""
    if found.association.measure == "AUROC":
        middle = (found.inside + found.outside) / 2
        one = Filter(found.name, ">=" if found.association.value >= 0.5 else "<=", f"{middle:.6g}")
        words = f"median {found.inside:.3g}, of the rest {found.outside:.3g}"
    else:
        one = Filter(found.name, "=", str(found.typical))
        name = scene.category.label_text(found.typical) if found.name in NAMED else found.typical
        words = f"{name}: {found.inside:.0%}, of the rest {found.outside:.0%}"
    return words, filters.text((one,))
