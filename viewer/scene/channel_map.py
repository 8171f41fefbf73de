"""A map of a layer's channels: near each other where the same samples use them."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from sklearn.decomposition import KernelPCA

from spray.concepts import concept_values
from viewer.projects import Project
from viewer.projects.channels import layers

FEWEST = 3  # channels that a map is made of


class ChannelMap(NamedTuple):
    """Channels that any sample uses, `place (channel, 2)` of each, and how many others there are."""

    channel: np.ndarray
    place: np.ndarray
    unused: int


@lru_cache(maxsize=8)
def channel_map(project: Project, layer: str) -> ChannelMap:
    """Classical scaling: squared distances are 2 (1 - cosine) of two channels' statistics over samples.

    The kernel is the matrix of cosines, since |u - v|^2 = 2 - 2 u.v of unit vectors. A channel that no sample uses has
    no direction and is left out, as is one with a number that is not finite.
    """
    values = concept_values(project.attributions, layer=layer, statistic=layers(project)[layer]).values
    length = np.linalg.norm(values, axis=0)
    used = np.flatnonzero(np.isfinite(length) & (length > 0))
    if len(used) < FEWEST:
        return ChannelMap(used[:0], np.zeros((0, 2)), values.shape[1])
    units = values[:, used] / length[used]
    cosine = (units.T @ units).astype(np.float64)
    place = KernelPCA(2, kernel="precomputed", remove_zero_eig=False, random_state=0).fit_transform(cosine)
    return ChannelMap(used, place, values.shape[1] - len(used))
