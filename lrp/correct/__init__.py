"""A model's reliance on an artefact: located, corrected, and the correction measured."""

from lrp.correct.choosing import CANDIDATES, Choice, choose
from lrp.correct.directions import activations, auroc, best_place, cav
from lrp.correct.exchange import carrying, exchanged, fitted
from lrp.correct.location import localize, masks
from lrp.correct.losses import Loss, augment, insensitive, pasted, right_reasons
from lrp.correct.methods import METHODS, balanced, correct
from lrp.correct.module import as_module
from lrp.correct.proof.figure import figure as draw
from lrp.correct.proof.measures import as_text, is_worse, of_predictions, report
from lrp.correct.rewrites.projections import component, predicted, present, project
from lrp.correct.rewrites.pruning import prune
from lrp.correct.rewrites.reweighting import reweight
from lrp.correct.samples import Samples, split
from lrp.correct.selection import Located, locate
from lrp.correct.tuning import Tuned, tune

__all__ = [
    "CANDIDATES",
    "METHODS",
    "Choice",
    "Located",
    "Loss",
    "Samples",
    "Tuned",
    "activations",
    "as_module",
    "as_text",
    "augment",
    "auroc",
    "balanced",
    "best_place",
    "carrying",
    "cav",
    "choose",
    "component",
    "correct",
    "draw",
    "exchanged",
    "fitted",
    "insensitive",
    "is_worse",
    "localize",
    "locate",
    "masks",
    "of_predictions",
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
