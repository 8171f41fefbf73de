"""What `lrp locate` and `lrp correct` read: the samples of a project, a finding, and datasets in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

import lrp
from lrp.cli.errors import Unusable
from lrp.cli.options import Setting
from lrp.cli.project import finding_of, opened_with_inputs, scaling_of
from lrp.correct import Samples
from lrp.dataset.manifest import fingerprint
from lrp.graph.graph import Graph
from spray import store


@dataclass(frozen=True, eq=False)
class Evidence:
    """A project's samples as the model sees them, which of them a finding holds, and the model as a graph."""

    graph: Graph
    data: Samples
    ids: np.ndarray
    members: np.ndarray
    label_names: tuple[str, ...]
    pixels: Tensor
    """The samples as they are stored; bytes in [0, 1]."""
    normalize: lrp.Normalization | None
    """What is done to those."""


def evidence(project: Path, finding: str, setting: Setting) -> Evidence:
    """Read a project and one of its findings.

    Raises:
        Unusable: There is no such finding, none of its samples is there, or samples have no labels or no images.
        ProjectError: The project was made by a model of other weights.
    """
    kept, attributions = finding_of(project, finding), opened_with_inputs(project)
    ids, label = attributions.sample.values, attributions.label.values
    members = np.isin(ids, kept.ids)
    if lost := len(kept.samples) - int(members.sum()):
        raise Unusable(f"{lost} samples of the finding {finding!r} are not in {project}: it is of another project")
    if label.ndim != 1:
        raise Unusable(f"samples of {project} have several labels each: a correction takes one")
    if label.min() < 0:
        raise Unusable(f"samples of {project} have no label: a correction is trained and measured by labels")
    image = attributions.image.values
    normalize = scaling_of(setting, image)
    pixels = torch.as_tensor(image).float() / (1 if normalize is None else 255)
    x = (pixels if normalize is None else normalize(pixels)).to(setting.device)
    graph = lrp.trace(setting.model, x[:1], setting.output)
    _same_model(project, graph)
    names = tuple(map(str, attributions.label_name.values)) if "label_name" in attributions.coords else ()
    y = torch.as_tensor(label).to(setting.device)
    return Evidence(graph, Samples(x, y), ids, members, names, pixels, normalize)


def _same_model(project: Path, graph: Graph) -> None:
    """The finding is about how a model decides; of another one it says nothing."""
    settings: Any = store.read_project(project).get("settings") or {}
    if settings.get("weights", own := fingerprint(graph)["weights"]) != own:
        raise store.ProjectError(f"{project} was made by a model of other weights: give those with --weights")


def samples(source: str, setting: Setting, like: Tensor, artefact: str | None = None) -> Samples:
    """A whole dataset in memory, as the model sees it.

    Args:
        like: One input `(channel, ...)`, whose size pictures are brought to.
        artefact: The array or extra that tells which samples carry the artefact.

    Raises:
        Unusable: Samples have no label, another shape than the project's, or no such extra.
    """
    size = tuple(like.shape[-2:]) if like.ndim == 3 else None
    dataset: Dataset = lrp.open_images(source, size=size, gray=setting.gray)  # type: ignore[arg-type]
    rows: Sequence[Any] = [dataset[at] for at in range(len(dataset))]  # type: ignore[arg-type]
    pixels, y = torch.stack([row[0] for row in rows]), torch.tensor([int(row[1]) for row in rows])
    if y.min() < 0:
        raise Unusable(f"{source} has no labels: subfolders are the classes, or an array called label")
    if pixels.shape[1:] != like.shape:
        raise Unusable(f"{source} has inputs {tuple(pixels.shape[1:])}, the project {tuple(like.shape)}")
    flags = None
    if artefact is not None:
        extra = [dict(row[2]) if len(row) > 2 else {} for row in rows]
        if artefact not in extra[0]:
            raise Unusable(
                f"{source} has no {artefact!r}; beside images and labels it has {', '.join(extra[0]) or 'nothing'}"
            )
        flags = torch.tensor([bool(one[artefact]) for one in extra]).to(setting.device)
    x = setting.scale(pixels) if setting.normalize(pixels) is not None else pixels
    return Samples(x.to(setting.device), y.to(setting.device), flags)


class Stored(Dataset):
    """The samples of a project once more, for another model."""

    def __init__(self, pixels: Tensor, labels: np.ndarray, classes: Sequence[str]) -> None:
        self.pixels, self.labels, self.classes = pixels, labels, list(classes)
        self.axes = None

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, at: int) -> tuple[Tensor, int]:
        return self.pixels[at], int(self.labels[at])
