"""What a category is looked at by: the views that a project's variables make, each `(sample, feature)`.

`cells` is where the relevance lies, `colour` what lies under it in an image; statistics of hidden layers say what the
model saw there. A view is a name and a function of the attributions, so categories are read one by one.
"""

import re
from collections.abc import Callable, Mapping

import numpy as np
import xarray as xr

from spray.kinds import places_of
from spray.kinds.image import IMAGE
from spray.verdict.cells import cells, certain, magnitude
from spray.verdict.features import shares

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
        image, relevance = attributions.get("image"), attributions["relevance"]
        places = set(places_of(relevance)) if certain(relevance) is IMAGE else set()
        if image is not None and places and {*places, "channel"} <= set(image.dims):
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
    places = places_of(attributions["relevance"])
    image = attributions["image"].transpose("sample", "channel", *places).values.astype(np.float64)
    weight = magnitude(attributions).reshape(len(image), 1, *image.shape[2:])
    found = []
    for share in (np.ones_like(weight), weight):
        share = share / np.maximum(share.sum((2, 3), keepdims=True), 1e-300)
        mean = (share * image).sum((2, 3))
        spread = (share * np.square(image - mean[:, :, None, None])).sum((2, 3))
        found += [mean, np.sqrt(spread)]
    return np.concatenate(found, 1)
