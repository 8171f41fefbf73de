"""Channels of hidden layers as variables of samples: each sample's share of its layer, made when it is asked for."""

from collections.abc import Iterator, Mapping
from functools import lru_cache

import numpy as np

from spray.concepts.layers import STATISTICS, concept_values, kept_layers
from viewer.projects.project import Project

PREFERRED = ("magnitude", "relevance", "max", "mean")
assert set(PREFERRED) <= STATISTICS.keys()


class Variables(Mapping[str, np.ndarray]):
    """Name -> a value of each sample: those of project and analysis are listed, `LAYER:CHANNEL` is known too."""

    def __init__(self, own: Mapping[str, np.ndarray], project: Project, rows: np.ndarray):
        self.own, self.project, self.rows = own, project, rows

    def __getitem__(self, name: str) -> np.ndarray:
        if name in self.own:
            return self.own[name]
        layer, _, number = name.rpartition(":")
        if layer not in layers(self.project) or not (number.isascii() and number.isdecimal() and len(number) < 9):
            raise KeyError(name)
        values = shares(self.project, layer)
        if int(number) >= values.shape[1]:
            raise KeyError(name)
        return values[self.rows, int(number)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.own)

    def __len__(self) -> int:
        return len(self.own)


def channel_variable(layer: str, channel: int) -> str:
    """The name of a channel as a variable.

    >>> channel_variable("layer3", 17)
    'layer3:17'
    """
    return f"{layer}:{channel}"


def layers(project: Project) -> dict[str, str]:
    """Layer -> the statistic of it that is shown; those that were asked for first."""
    kept = kept_layers(project.attributions)
    return {
        layer: next(name for name in PREFERRED if name in statistics)
        for layer, statistics in kept.items()
        if any(name in statistics for name in PREFERRED)
    }


@lru_cache(maxsize=8)
def shares(project: Project, layer: str) -> np.ndarray:
    """`(sample, channel)`: each channel's statistic over the sum of magnitudes, of all samples of the project."""
    values = concept_values(project.attributions, layer=layer, statistic=layers(project)[layer]).values
    total = np.abs(values).sum(1, keepdims=True, dtype=np.float64)
    return (values / np.where(total > 0, total, 1)).astype(np.float32)
