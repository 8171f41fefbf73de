"""A project as the viewer sees it: read-only, shared by all sessions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from spray import store


@dataclass(frozen=True, eq=False)
class Project:
    """One project, or the reason why there is none at `path`."""

    key: str
    path: Path
    stamp: tuple = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    attributions: xr.Dataset = field(default_factory=xr.Dataset)
    analyses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # name -> categories
    error: str = ""
    foreign: Mapping[str, Mapping[str, xr.Dataset]] | None = None  # the analyses of a project that is not ours
    incomplete: str = ""  # a line that says so, if samples are missing
    of: str = ""  # the key of the project that this one is a correction of, made by a request there

    def categories(self, analysis: str) -> Mapping[str, xr.Dataset]:
        """Category -> dataset, each read when it is asked for."""
        return store.open_analysis(self.path, analysis) if self.foreign is None else self.foreign[analysis]

    @property
    def home(self) -> Path:
        """The folder that keeps what visitors add."""
        return self.path if self.foreign is None else self.path.with_suffix(".viewer")

    @property
    def coverage(self) -> str:
        """How many samples there are of those that there should be; "" where the project does not say."""
        number = store.expected_number(self.facts)
        return "" if number is None else f"{self.attributions.sizes['sample']} of {number} samples"

    @property
    def name(self) -> str:
        return str(self.facts.get("name") or self.key)

    @cached_property
    def label_names(self) -> tuple[str, ...]:
        if "label_name" in self.attributions.coords:
            return tuple(map(str, self.attributions.label_name.values))
        return tuple(map(str, self.facts.get("label_names") or ()))

    @cached_property
    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Sorted sample ids, and the row of each."""
        ids = self.attributions.sample.values
        order = np.argsort(ids, kind="stable")
        return ids[order], order

    def find(self, ids: np.ndarray) -> np.ndarray:
        """The row of each sample id, -1 for an unknown one."""
        known, order = self.rows
        if not len(known):
            return np.full(len(ids), -1)
        at = np.minimum(np.searchsorted(known, ids), len(known) - 1)
        return np.where(known[at] == ids, order[at], -1)

    def label_text(self, label: Any) -> str:
        """A label as people know it: its name, else its number."""
        text = str(label)
        if text in (names := self.facts.get("category_names") or {}):
            return str(names[text])
        if len(text) < 10 and text.isdecimal() and int(text) < len(self.label_names):
            return self.label_names[int(text)]
        return text

    def category_text(self, category: str) -> str:
        """A category with its human-readable label, `seven (7)`."""
        name = self.label_text(category)
        return category if name == category else f"{name} ({category})"
