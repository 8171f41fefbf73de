"""A model's reliance on an artefact: located, corrected, and the correction measured."""

from lrp.correct.directions import activations, auroc, best_place, cav
from lrp.correct.figure import figure as draw
from lrp.correct.location import localize, masks
from lrp.correct.losses import Loss, augment, insensitive, pasted, right_reasons
from lrp.correct.measures import as_text, is_worse, report
from lrp.correct.module import as_module
from lrp.correct.projections import component, predicted, present, project
from lrp.correct.pruning import prune
from lrp.correct.reweighting import reweight
from lrp.correct.samples import Samples, split
from lrp.correct.tuning import Tuned, tune

__all__ = [
    "Loss",
    "Samples",
    "Tuned",
    "activations",
    "as_module",
    "as_text",
    "augment",
    "auroc",
    "best_place",
    "cav",
    "component",
    "draw",
    "insensitive",
    "is_worse",
    "localize",
    "masks",
    "pasted",
    "predicted",
    "present",
    "project",
    "prune",
    "report",
    "reweight",
    "right_reasons",
    "split",
    "tune",
]
