"""Which samples pass the filters of a state."""

import numpy as np

from viewer.projects import Category
from viewer.state import State


def passing(category: Category, state: State) -> np.ndarray:
    """A mask over the category's rows; a filter on what the project does not know passes all."""
    rows = np.ones(len(category.sample), bool)
    for variable, wanted in (("label", state.label), ("prediction", state.predicted), ("correct", state.correct)):
        if wanted and variable in category.variables:
            rows &= category.variables[variable].astype(str) == wanted
    if (state.least, state.most) != (0, 1) and "confidence" in category.variables:
        confidence = category.variables["confidence"]
        rows &= (confidence >= state.least) & (confidence <= state.most)
    return rows


def is_filtered(state: State) -> bool:
    return bool(state.label or state.predicted or state.correct or (state.least, state.most) != (0, 1))


def values(category: Category, variable: str) -> list[str]:
    """What a variable can be filtered by, in the order of its values."""
    found = category.variables.get(variable)
    return [] if found is None else [str(value) for value in np.unique(found)]
