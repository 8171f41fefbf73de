"""What a correction of a finding would be: how well each kept layer tells it, and the command that makes it."""

import shlex
from typing import NamedTuple

import numpy as np

from spray.concepts import cav_auroc
from spray.concepts.layers import STATISTICS, concept_values, kept_layers
from spray.store import findings
from viewer.projects import Finding
from viewer.scene.scene import Scene

AUTO = "auto"
PREFERRED = ("max", "mean", "magnitude", "relevance", "peak")  # what a direction is made from, activations first
MOST = 4000  # samples that a direction is made from
UNKNOWN = ("MODEL", "TEST")


class Layer(NamedTuple):
    """A hidden layer, what of it is kept, and how well its direction orders unseen samples; NaN if that is unknown."""

    name: str
    statistic: str
    auroc: float


def finding_to_correct(scene: Scene) -> Finding | None:
    """The one that the state names, if it is there."""
    return findings.load(scene.project.home).get(scene.state.correcting)


def class_mates(scene: Scene, finding: Finding) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the project of the finding's classes, and which of them are in it: a direction is not the class's."""
    attributions = scene.project.attributions
    member = np.isin(attributions.sample.values, finding.ids)
    same = np.ones(len(member), bool)
    if "label" in attributions.variables and attributions["label"].ndim == 1:
        label = attributions["label"].values
        same = np.isin(label, np.unique(label[member]))
    rows = np.flatnonzero(same)
    if len(rows) > MOST:  # all members, and the others evenly spread
        inside, outside = rows[member[rows]][:MOST], rows[~member[rows]]
        rest = max(MOST - len(inside), MOST // 2)
        rows = np.sort(np.concatenate([inside, outside[:: max(1, len(outside) // rest)]]))
    return rows, member[rows]


def layers_of(scene: Scene, finding: Finding) -> list[Layer]:
    """Every layer that the project keeps, the one that tells the finding best first."""
    rows, member = class_mates(scene, finding)
    found = []
    for layer, kept in kept_layers(scene.project.attributions).items():
        statistic = next((name for name in PREFERRED if name in kept), "")
        if statistic:
            values = concept_values(scene.project.attributions, layer=layer, statistic=statistic).values[rows]
            told = member.any() and not member.all() and np.ptp(values) > 0
            found.append(Layer(layer, STATISTICS[statistic], cav_auroc(values, member) if told else np.nan))
    return sorted(found, key=lambda one: -np.nan_to_num(one.auroc))


def warnings_of(scene: Scene, finding: Finding, found: list[Layer]) -> list[str]:
    """What will go wrong with such a selection."""
    rows, member = class_mates(scene, finding)
    at = next((one for one in found if one.name == scene.state.at_layer), None)
    said = []
    if lost := len(finding.samples) - int(np.isin(finding.ids, scene.project.attributions.sample.values).sum()):
        said.append(f"{lost} of its samples are not in this project: lrp correct will refuse it.")
    if int(member.sum()) < 5:
        n = int(member.sum())
        said.append(f"It has {n} samples: the direction will hold whatever else they share. Add samples like these.")
    if len(rows) and member.all():
        said.append("It is a whole class: the direction is then the class's, and the model will forget it.")
    if at is not None and at.auroc < 0.7:
        said.append(
            f"{at.name} does not tell it from others (AUROC {at.auroc:.2f}): a correction there does nothing, or harm."
        )
    return said


def command(scene: Scene, finding: Finding) -> str:
    """What to run in a shell; what the project does not know is in capitals."""
    path, facts = str(scene.project.path), scene.project.facts
    model = str(facts.get("model") or "")
    words = ["lrp", "correct", path, "--finding", finding.name]
    words += ["--model", model if ":" in model else UNKNOWN[0], "--weights", "WEIGHTS", "--test", UNKNOWN[1]]
    words += ["--layer", scene.state.at_layer, "--method", scene.state.by_method]
    words += ["--out", f"{path}-after.pt2", "--project", f"{path}-after"]
    return shlex.join(words)
