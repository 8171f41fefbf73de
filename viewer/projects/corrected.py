"""Corrections of a project: the reports that prove them, and the samples whose prediction changed."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr

from spray import store
from spray.store import findings
from spray.store.corrections import REPORT
from viewer.projects.project import Project
from viewer.projects.sources import predictions


class Corrected(NamedTuple):
    """A project of the corrected model, and its report by group."""

    project: Project
    report: xr.Dataset

    @property
    def finding(self) -> str:
        """What was corrected."""
        return str(self.report.attrs.get("finding", ""))


def corrections_of(projects: Mapping[str, Project], here: Project) -> list[Corrected]:
    """Of the projects that are open, those that correct a finding of this one; what was made last comes first.

    Raises:
        ProjectError: The findings, or a report, cannot be read.
    """
    known, found = findings.load(here.home), []
    for project in projects.values():
        file = project.path / REPORT
        if project is here or project.error or project.foreign is not None or not file.is_file():
            continue
        one = Corrected(project, _read(file, file.stat().st_mtime_ns))
        if one.finding in known and project.of in ("", here.key) and (project.find(here.rows[0]) >= 0).any():
            found.append(one)
    return found[::-1]


@lru_cache(maxsize=16)
def _read(file: Path, stamp: int) -> xr.Dataset:
    del stamp
    report = store.read_netcdf(file, lambda dataset: dataset.load(), remedy="run lrp correct again")
    missing = {"model", "group", "measure"} - set(report.coords)
    if missing or not {"value", "lower", "upper"} <= set(report.data_vars):
        raise store.ProjectError(f"{file} is no report of a correction: run lrp correct again")
    return report


def changed(here: Project, after: Project) -> np.ndarray:
    """Samples of both for which the two models predict different classes."""
    ids = here.attributions.sample.values
    common = ids[after.find(ids) >= 0]
    before, now = (predictions(project, common) for project in (here, after))
    return common[(before != now) & (before != "") & (now != "")]
