"""More like these: a few chosen samples order all others."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from spray.arrays.labels import check_finite, features, labelled, sample_ids
from spray.concepts.directions import cav


def more_like_these(data: xr.DataArray, samples: Sequence[int]) -> xr.DataArray:
    """How much each sample is like a few chosen ones: score = (f - mean f) . v, with the pattern v of the chosen.

    f is `data` of a sample over its sum of magnitudes, v the direction from the others' mean to that of the chosen
    (Pahde et al. 2022, arXiv:2202.03482, Eq. 4). What moves about is found in a hidden layer, what stays in place in
    the relevance of the input.

    Args:
        data: `(sample, ...)`, such as `relevance`, or a layer's `concept_values`.
        samples: Ids of the chosen.

    Returns:
        `(sample)`, the most alike have the highest score.

    Raises:
        ValueError: A sample is not there, none is chosen, or all are; or a number is not finite.

    Example:
        >>> import xarray as xr
        >>> data = xr.DataArray([[9.0, 1.0], [8.0, 1.0], [1.0, 9.0], [1.0, 7.0]], dims=["sample", "concept"])
        >>> more_like_these(data, [0]).argsort()[::-1].values.tolist()
        [0, 1, 3, 2]
    """
    check_finite(data)
    ids = sample_ids(data)
    if absent := sorted(set(map(int, samples)) - set(ids.tolist())):
        raise ValueError(f"no samples {', '.join(map(str, absent[:5]))} among these {len(ids)}")
    flat = features(data).astype(np.float64)
    total = np.abs(flat).sum(1, keepdims=True)
    flat = flat / np.where(total > 0, total, 1)
    found = (flat - flat.mean(0)) @ cav(flat, np.isin(ids, list(samples)))
    return labelled(found, data, ("sample",), "likeness")
