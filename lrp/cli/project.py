"""A project that a command is given, for the model that it is given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import xarray as xr

import lrp
from lrp.cli.errors import Unusable
from lrp.cli.options import Setting
from spray import store
from spray.store import findings
from spray.store.findings import Finding


def opened_with_inputs(project: Path) -> xr.Dataset:
    """The attributions of a project that keeps what was explained.

    Raises:
        Unusable: It does not: nothing can be given to the model.
    """
    attributions = store.open_attributions(project)
    if "image" not in attributions:
        raise Unusable(f"{project} keeps no inputs: explain the dataset again, keeping them")
    return attributions


def scaling_of(setting: Setting, image: xr.DataArray | np.ndarray) -> lrp.Normalization | None:
    """What stored inputs go through: bytes are pixels in [0, 1], what is not was explained as it is."""
    return setting.scale if image.dtype == np.uint8 else None


def explainer_of(setting: Setting, attributions: xr.Dataset) -> tuple[lrp.Explainer, lrp.Normalization | None]:
    """An explainer of the model for the inputs that a project keeps, and what is done to those."""
    image = torch.as_tensor(attributions.image.isel(sample=[0]).values).to(setting.device)
    normalize = scaling_of(setting, attributions.image)
    example = image if normalize is None else normalize(image / 255)
    explain = lrp.explainer(setting.model, example, setting.composite(example), output=setting.output)
    return explain, normalize


def finding_of(project: Path, name: str) -> Finding:
    """A finding of a project.

    Raises:
        Unusable: There is none of this name.
    """
    kept = findings.load(project)
    if name not in kept:
        listed = ", ".join(kept) or "none; keep one in the viewer, or by spray.store.findings.keep"
        raise Unusable(f"{project} has no finding {name!r}; there are: {listed}")
    return kept[name]
