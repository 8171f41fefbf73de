"""What a kind of samples is: which axes a sample has, which of them are places, and what is said beside them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Sizes = Mapping[str, int]
"""Axis -> its length, of one sample."""


def no_window(sizes: Sizes) -> dict[str, int]:
    """Features as they are."""
    del sizes
    return {}


@dataclass(frozen=True)
class Kind:
    """One kind of samples.

    name: As it is written into a project.
    places: The axes along which neighbours are near one another, in their order.
    lead: Axes that may stand before or behind them: nothing is ever added up along these.
    aka: Another name of an axis -> the one above.
    cells: `sizes -> window`: how many places are added up for features by default, by axis; none for features as they
        are.
    recipe: Which recipe analyses it by default, of `spray.recipes.RECIPES`.
    said: What may be said beside it: variable or attribute -> what it is.
    """

    name: str
    places: tuple[str, ...]
    lead: tuple[str, ...] = ()
    aka: Mapping[str, str] = field(default_factory=dict)
    cells: Callable[[Sizes], Mapping[str, int]] = no_window
    recipe: str = "spectral"
    said: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name} ({', '.join([*self.lead, *self.places])})"

    def named(self, axis: str) -> str:
        """An axis under the kind's own name for it."""
        return self.aka.get(axis, axis)

    def fits(self, axes: tuple[str, ...]) -> bool:
        """Whether a sample of these axes is certainly one of this kind: all places, and but lead axes beside them."""
        own = [self.named(axis) for axis in axes]
        return set(self.places) <= set(own) <= {*self.places, *self.lead} and len(set(own)) == len(own)

    def axes_of(self, axes: tuple[str, ...]) -> tuple[str, ...]:
        """Those of a sample's axes that are places, as the sample calls them."""
        return tuple(axis for axis in axes if self.named(axis) in self.places)
