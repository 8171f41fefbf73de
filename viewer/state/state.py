"""All that a person chose, as one frozen value that round-trips to JSON and to the address of the page.

Sharing, exporting, importing, undoing and testing are this one value. Text from outside becomes a state only through
`read`, which never fails: what it cannot use it leaves at the default and says so.
"""

from dataclasses import dataclass
from typing import Any

from spray.store.corrections import METHODS


@dataclass(frozen=True)
class State:
    project: str = ""
    view: str = "explore"
    analysis: str = ""
    category: str = ""
    clustering: str = ""
    embedding: str = ""
    x: int = 0
    y: int = 1
    beside: str = ""  # a second embedding, shown beside the first
    beside_x: int = 0
    beside_y: int = 1
    window: str = ""  # the part of the embedding that is shown; none: all
    beside_window: str = ""
    markers: str = "dots"
    colour: str = "cluster"  # or any per-sample variable
    paint: str = ""  # colours of single groups, `0:ff0000,7:00aa00`, where they are not the default's
    scale: str = ""  # the colour map of a variable that is a number; none: by its signs
    low: float | None = None  # the numbers at the scale's ends; none: the least and the most there are
    high: float | None = None
    label: str = ""  # filters: only samples that pass all of them can be selected
    predicted: str = ""
    correct: str = ""
    least: float = 0.0  # confidence
    most: float = 1.0
    filter: str = ""  # more of them, on any variable, as typed: `marked=1 size>10 scan_17` (viewer/state/filters.py)
    selection: str = ""
    focus: int | None = None
    place: str = ""  # of a volume in focus, where its slices are shown: "3,40,12"; none: through its largest relevance
    page: int = 0
    page_size: int = 20
    sort: str = "file"
    colour_map: str = "bwr"
    method: str = "relevance"  # whose relevance is shown, where a project has several
    mode: str = "input"
    sampling: str = "auto"
    scaling: str = "sample"  # whose relevance has full colour
    limit: float = 1.0  # the relevance of full colour where scaling is fixed
    percentile: float = 100.0
    gamma: float = 1.0
    against: str = ""  # a finding to compare the selection with; none: the rest of the category
    correcting: str = ""  # a finding whose correction is prepared, or shown
    at_layer: str = "auto"  # where its direction is taken
    by_method: str = "auto"  # and how it is corrected
    other: str = ""  # a method, of this project or another, that shows the same samples
    spectrum: str = "eigenvalues"
    layer: str = ""  # whose channels are shown as concepts
    order: str = ""  # the column that categories are ranked by


CHOICES: dict[str, tuple[Any, ...]] = {
    "view": ("explore", "clusters", "categories", "compare", "concepts", "findings"),
    "markers": ("dots", "pictures"),
    "spectrum": ("eigenvalues", "tree"),
    "mode": ("input", "overlay", "heatmap"),
    "sampling": ("auto", "smooth", "pixelated"),
    "scaling": ("sample", "selection", "category", "fixed"),
    "page_size": (20, 50, 100),
    "sort": ("file", "random", "typical", "unusual", "confident", "unsure", "relevance"),
    "correct": ("", "right", "wrong"),
    "by_method": tuple(METHODS),
}
BOUNDS = {"least": (0, 1), "most": (0, 1), "limit": (1e-30, 1e30), "percentile": (50, 100), "gamma": (0.1, 10)}
