"""Equality of what two programs of the same operators give."""

from torch import Tensor

ROUNDING = 1e-5
"""Of the largest value. On some processors MKL sums in another order where memory lies at another address, so that the
same operators on the same numbers differ by the last bits; a wrong weight or row differs by far more."""


def same(one: Tensor, other: Tensor) -> bool:
    """Whether two results are of one type and shape, and equal but for rounding."""
    alike = one.shape == other.shape and one.dtype == other.dtype
    return alike and bool((one - other).abs().max() <= ROUNDING * other.abs().max())
