"""All that a project knows of one sample."""

import numpy as np

from viewer.projects import Category
from viewer.projects.category import HAS
from viewer.scene.points.filters import NAMED
from viewer.scene.points.grouping import variables

LONGEST = 200  # characters of a value


def facts(category: Category, row: int) -> list[tuple[str, str]]:
    """Every variable as text, the labels first."""
    each = {f"{HAS} {category.label_text(number)}" for number in category.labels}  # the label has them all
    names = sorted((name for name in variables(category) if name not in each), key=lambda name: name not in NAMED)
    return [(name, _text(category, name, category.variables[name][row])) for name in names]


def _text(category: Category, name: str, value: object) -> str:
    if name in NAMED:
        return category.label_text(value)
    text = f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
