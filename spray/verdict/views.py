"""What a category is looked at by: the views that a project's variables make, each `(sample, feature)`.

`cells` is where the relevance lies, `colour` what lies under it; statistics of hidden layers say what the model saw
there. A view is a name and a function of the attributions, so categories are read one by one.
"""

import re
from collections.abc import Callable, Mapping

import numpy as np
import xarray as xr

CELLS = 8  # on a side
MOST_FEATURES = 2048  # of a view; of more, random sums are taken (Johnson and Lindenstrauss 1984)
HIDDEN = re.compile(r"(?:hidden|concept)_.+")

View = Callable[[xr.Dataset], np.ndarray]


def views_of(attributions: xr.Dataset) -> dict[str, View]:
    """The views that there are variables for.

    `hidden_STATISTIC_LAYER (sample, channel)`, such as `hidden_max_7`, which `lrp.attribute_dataset` keeps of an early,
    a middle and a late layer, and `concept_LAYER (sample, channel)`, of `concepts=[...]`, are views each.

    Args:
        attributions: With `relevance (sample, ...)`, and what else is kept.

    Returns:
        Name -> function of the attributions of one category.

    Example:
        >>> import numpy as np, xarray as xr
        >>> heat = xr.DataArray(np.ones((2, 3, 16, 16)), dims=["sample", "channel", "height", "width"])
        >>> views = views_of(heat.to_dataset(name="relevance"))
        >>> list(views), views["cells"](heat.to_dataset(name="relevance")).shape
        (['cells'], (2, 64))
    """
    found: dict[str, View] = {}
    if "relevance" in attributions:
        found["cells"] = cells
        image = attributions.get("image")
        if (
            image is not None
            and set(attributions["relevance"].dims[-2:]) <= set(image.dims)
            and "channel" in image.dims
        ):
            found["colour"] = colour
    for name, variable in attributions.data_vars.items():
        if HIDDEN.fullmatch(str(name)) and variable.ndim == 2 and variable.dims[0] == "sample":
            found[str(name)] = _reader(str(name))
    return found


def missing(views: Mapping[str, View]) -> str:
    """What would show more, "" if nothing is missing.

    Args:
        views: Of `views_of`.

    Returns:
        A sentence.

    Example:
        >>> missing({"cells": cells})[:35]
        'no statistics of hidden layers are '
    """
    if any(HIDDEN.fullmatch(name) for name in views):
        return ""
    return (
        "no statistics of hidden layers are kept, so what moves or tints may be missed: attribute without "
        "--no-statistics, or store variables hidden_max_LAYER (sample, channel)"
    )


def _reader(name: str) -> View:
    return lambda attributions: shares(attributions[name].values)


def shares(values: np.ndarray) -> np.ndarray:
    """sign(v) sqrt(|v| / sum |v|) of each row: strength does not count, and what is weak does (Hellinger 1909).

    Args:
        values: `(sample, ...)`.

    Returns:
        `(sample, feature)`.

    Example:
        >>> import numpy as np
        >>> shares(np.array([[4.0, -1.0, 0.0, 4.0]])).round(2).tolist()
        [[0.67, -0.33, 0.0, 0.67]]
    """
    flat = np.asarray(values, np.float64).reshape(len(values), -1)
    total = np.abs(flat).sum(1, keepdims=True)
    part = flat / np.where(total > 0, total, 1)
    return thinned(np.sign(part) * np.sqrt(np.abs(part)))


def thinned(values: np.ndarray, most: int = MOST_FEATURES) -> np.ndarray:
    """At most so many features: random sums with signs, the same ones in every category.

    Args:
        values: `(sample, feature)`.
        most: Features.

    Returns:
        `(sample, feature)`.

    Example:
        >>> import numpy as np
        >>> thinned(np.ones((3, 10)), 4).shape
        (3, 4)
    """
    if values.shape[1] <= most:
        return values
    rng = np.random.default_rng(values.shape[1])
    at, sign = rng.integers(most, size=values.shape[1]), rng.choice([-1.0, 1.0], values.shape[1])
    sums = np.zeros((most, len(values)))
    np.add.at(sums, at, (values * sign).T)
    return sums.T


def cells(attributions: xr.Dataset) -> np.ndarray:
    """|R| summed over channels and over 8 x 8 cells; along one axis 64 windows; a row of features as it is.

    Args:
        attributions: With `relevance`.

    Returns:
        `(sample, cell)`.

    Example:
        >>> import numpy as np, xarray as xr
        >>> heat = xr.DataArray(np.ones((1, 4, 4)), dims=["sample", "height", "width"], name="relevance")
        >>> cells(heat.to_dataset()).shape
        (1, 16)
    """
    return shares(_summed(_magnitude(attributions)))


def _magnitude(attributions: xr.Dataset) -> np.ndarray:
    """|R| as `(sample, *places)`."""
    relevance = abs(attributions["relevance"].transpose("sample", ...))
    return relevance.sum([dim for dim in relevance.dims if dim == "channel"]).values


def _summed(places: np.ndarray) -> np.ndarray:
    """Sums over at most 8 x 8 cells, or 64 windows along one axis."""
    axes = range(1, places.ndim)
    if len(axes) > 2:
        places = places.reshape(*places.shape[:2], -1)
    most = CELLS**2 if places.ndim == 2 else CELLS
    for axis in range(1, places.ndim):
        length = places.shape[axis]
        starts = np.unique(np.arange(min(most, length)) * length // min(most, length))
        places = np.add.reduceat(places, starts, axis)
    return places


def colour(attributions: xr.Dataset) -> np.ndarray:
    """Mean and deviation of each channel of the image, over all places, and as |R| weighs them.

    Args:
        attributions: With `relevance` and `image (sample, channel, height, width)`.

    Returns:
        `(sample, 4 channels)`.

    Example:
        >>> import numpy as np, xarray as xr
        >>> picture = (("sample", "channel", "height", "width"), np.ones((2, 3, 4, 4)))
        >>> colour(xr.Dataset({"relevance": picture, "image": picture})).shape
        (2, 12)
    """
    places = attributions["relevance"].dims[-2:]
    image = attributions["image"].transpose("sample", "channel", *places).values.astype(np.float64)
    weight = _magnitude(attributions).reshape(len(image), 1, *image.shape[2:])
    found = []
    for share in (np.ones_like(weight), weight):
        share = share / np.maximum(share.sum((2, 3), keepdims=True), 1e-300)
        mean = (share * image).sum((2, 3))
        spread = (share * np.square(image - mean[:, :, None, None])).sum((2, 3))
        found += [mean, np.sqrt(spread)]
    return np.concatenate(found, 1)
