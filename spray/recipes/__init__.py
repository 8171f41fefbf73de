"""Recipes: which stages make an analysis. A recipe is a table of steps, and printing it shows them.

Any function `(attributions of one category) -> Dataset` serves `spray.analyse` as well.
"""

from spray.recipes.parts import KMEANS, SPECTRAL_KMEANS, concept_relevance, from_features, partial
from spray.recipes.presets import OWN, RECIPES, concept, histogram, pcx, spectral, spectral_hdbscan, text
from spray.recipes.recipe import Recipe, Stage, Step

__all__ = [
    "KMEANS",
    "OWN",
    "RECIPES",
    "SPECTRAL_KMEANS",
    "Recipe",
    "Stage",
    "Step",
    "concept",
    "concept_relevance",
    "from_features",
    "histogram",
    "partial",
    "pcx",
    "spectral",
    "spectral_hdbscan",
    "text",
]
