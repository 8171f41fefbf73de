"""What the tables of families share: a row, when an audit is closed, and which output is explained."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CLOSED = {torch.float64: 1e-9, torch.float32: 1e-6}
"""What the audit may be off by, to its terms."""
OFF = {dtype: 100 * torch.finfo(dtype).eps ** 0.9 for dtype in CLOSED}
"""What the output may be off by, to the largest: batch norm is merged with its neighbours."""


@dataclass(frozen=True)
class Row:
    """What one family came to; numbers are relative, and the worst of all samples."""

    family: str
    verdict: str
    said: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.family:28} {self.verdict:8} {self.seconds:6.1f} s  {self.said}"


def strongest(output: Tensor) -> Tensor:
    """The largest logit of each sample, with its own value."""
    flat = output.flatten(1)
    return torch.zeros_like(flat).scatter(1, flat.argmax(1, keepdim=True), 1.0).reshape(output.shape) * output
