"""What corrections are made from and measured on: inputs with their classes, and what is known of the artefact."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs `x (sample, ...)` and classes `y (sample,)`.

    `artefact (sample,)` tells which samples carry the artefact, `mask (sample, 1, *places)` where; it is zero for
    samples without. Both are None where nobody knows.
    """

    x: Tensor
    y: Tensor
    artefact: Tensor | None = None
    mask: Tensor | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and len(value) != len(self.x):
                raise ValueError(f"{len(self.x)} inputs but {len(value)} of {field.name}")
        if self.y.is_floating_point() or self.y.ndim != 1:
            raise ValueError(f"y must be one class number a sample, got {self.y.dtype} {tuple(self.y.shape)}")
        if self.mask is not None and self.mask.shape[2:] != self.x.shape[2:]:
            raise ValueError(
                f"mask must be (sample, 1, {', '.join(map(str, self.x.shape[2:]))}), got {tuple(self.mask.shape)}"
            )

    def __len__(self) -> int:
        return len(self.x)

    def rows(self, chosen: Tensor) -> Samples:
        """Some of them: positions or booleans."""
        artefact = None if self.artefact is None else self.artefact[chosen]
        return Samples(self.x[chosen], self.y[chosen], artefact, None if self.mask is None else self.mask[chosen])


def split(data: Samples, share: float = 0.2, seed: int = 0) -> tuple[Samples, Samples]:
    """The samples without, and with, a share that is held out; the same share of each class.

    Example:
        >>> kept, held = split(Samples(torch.zeros(10, 3), torch.arange(10) % 2))
        >>> len(kept), held.y.tolist()
        (8, [1, 0])
    """
    generator = torch.Generator().manual_seed(seed)
    held = torch.zeros(len(data), dtype=torch.bool)
    for number in data.y.unique():
        rows = torch.nonzero(data.y == number)[:, 0]
        shuffled = rows[torch.randperm(len(rows), generator=generator)]
        held[shuffled[: max(1, round(share * len(rows)))]] = True
    return data.rows(~held), data.rows(held)


def unseen(validation: Samples, data: Samples) -> Samples:
    """Validation samples that are no training samples; that others are left out is warned of.

    Raises:
        ValueError: None is left, or they are of another shape.
    """
    if validation.x.shape[1:] != data.x.shape[1:]:
        raise ValueError(
            f"validation samples are {tuple(validation.x.shape[1:])}, training samples {tuple(data.x.shape[1:])}"
        )
    known = {x.cpu().numpy().tobytes() for x in data.x}
    new = torch.tensor([x.cpu().numpy().tobytes() not in known for x in validation.x], dtype=torch.bool)
    if not new.any():
        raise ValueError("all validation samples are training samples, or there is none: give some that are not")
    if shared := int((~new).sum()):
        warnings.warn(f"{shared} of {len(new)} validation samples are training samples: left out", stacklevel=4)
    return validation.rows(new)
