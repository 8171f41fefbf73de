"""Pictures that a command is given by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from lrp.cli.errors import Unusable
from lrp.dataset.reading.readers.pictures import Reading


def pictures(files: Sequence[Path], size: int, gray: bool) -> Tensor:
    """Pictures in [0, 1], `(batch, channel, height, width)`."""
    reading, found = Reading(size, gray), []
    for file in files:
        try:
            found.append(reading.open(file))
        except (OSError, ValueError) as error:
            raise Unusable(f"{file} is no picture: {error}") from error
    return torch.stack(found)
