"""What a project keeps of hidden layers, channel by channel: which there is, reference samples, directions."""

from spray.concepts.conditional import conditional_relevance, stored_conditions
from spray.concepts.directions import cav, cav_auroc, tcav
from spray.concepts.layers import concept_values, kept_layers
from spray.concepts.reference import crops, references
from spray.concepts.similarity import more_like_these

__all__ = [
    "cav",
    "cav_auroc",
    "concept_values",
    "conditional_relevance",
    "crops",
    "kept_layers",
    "more_like_these",
    "references",
    "stored_conditions",
    "tcav",
]
