"""Which statistics of which hidden layers a project keeps, and one of them as concepts."""

import re
from collections.abc import Mapping

import numpy as np
import xarray as xr

NAME = re.compile(r"hidden_([^_]+)_(.+)|concept_(.+)")

STATISTICS: Mapping[str, str] = {
    "magnitude": "sum of |R|",
    "relevance": "sum of R",
    "peak": "largest R",
    "max": "largest activation",
    "mean": "mean activation",
}
"""What may be kept of each channel, over all places of a layer."""

WITHOUT_PLACES = {"peak": "relevance", "max": "mean"}
"""What a statistic is where a layer has no places, and it is not kept twice."""


def kept_layers(attributions: xr.Dataset) -> dict[str, dict[str, str]]:
    """Layer -> statistic -> the variable that holds it.

    Args:
        attributions: Of `spray.open_attributions`.

    Returns:
        The layers that were asked for first.

    Example:
        >>> import numpy as np, xarray as xr
        >>> channels = (("sample", "channel_4"), np.ones((3, 8)))
        >>> kept_layers(xr.Dataset({"hidden_magnitude_4": channels, "concept_4": channels}))
        {'4': {'magnitude': 'hidden_magnitude_4', 'relevance': 'concept_4'}}
    """
    found: dict[str, dict[str, str]] = {}
    for name, variable in attributions.data_vars.items():
        match = NAME.fullmatch(str(name))
        if match and variable.ndim == 2 and variable.dims[0] == "sample":
            layer, statistic = match[3] or match[2], match[1] or "relevance"
            found.setdefault(layer, {})[statistic] = str(name)
    return dict(sorted(found.items(), key=lambda item: "relevance" not in item[1]))


def layer_of(attributions: xr.Dataset, layer: str | None) -> str:
    """The layer that is meant: the one named, or the only one that was asked for, or the only one there is.

    Args:
        attributions: Of `spray.open_attributions`.
        layer: A name, or None.

    Returns:
        A layer of `kept_layers`.

    Raises:
        ValueError: There is no such layer, none at all, or several; the message lists them.

    Example:
        >>> import numpy as np, xarray as xr
        >>> layer_of(xr.Dataset({"concept_4": (("sample", "channel_4"), np.ones((3, 8)))}), None)
        '4'
    """
    kept = kept_layers(attributions)
    asked = [name for name, statistics in kept.items() if "relevance" in statistics] or list(kept)
    if not kept:
        raise ValueError(
            "no hidden layer is kept: attribute with --concepts LAYER (concepts=[...]), or name the variable"
        )
    if layer is None and len(asked) > 1:
        raise ValueError(f"layers {', '.join(asked)} are kept: say which, by --layer or layer=")
    if layer is not None and layer not in kept:
        raise ValueError(f"no layer {layer!r} is kept, there are {', '.join(kept)}")
    return asked[0] if layer is None else layer


def concept_values(attributions: xr.Dataset, *, layer: str | None = None, statistic: str = "magnitude") -> xr.DataArray:
    """`(sample, concept)`: one statistic of each channel of a hidden layer.

    The sum of |R| over places is the default: relevance of both signs, or at several places, does not cancel in it.

    Args:
        attributions: Of `spray.open_attributions`.
        layer: Its name; not needed where one was asked for.
        statistic: One of `STATISTICS`.

    Returns:
        Numbers in memory, with the attributes `layer` and `statistic`.

    Raises:
        ValueError: There is no such layer or statistic, or several layers and none named; the message lists them.

    Example:
        >>> import numpy as np, xarray as xr
        >>> data = xr.Dataset({"hidden_magnitude_4": (("sample", "channel_4"), np.ones((3, 8)))})
        >>> concept_values(data).dims
        ('sample', 'concept')
    """
    name = layer_of(attributions, layer)
    kept = kept_layers(attributions)[name]
    key = statistic if statistic in kept else WITHOUT_PLACES.get(statistic, statistic)
    has_places = any(f"where_{of}_{name}" in attributions for of in ("max", "peak"))
    if key not in kept or (key != statistic and has_places):
        raise ValueError(
            f"no {statistic!r} of layer {name} is kept, there are {', '.join(kept)}: say which by --statistic or "
            "statistic=, or attribute again with --concepts"
        )
    values = attributions[kept[key]].load()
    channels = values.dims[1]
    wide = values.astype(np.float32) if values.dtype == np.float16 else values
    plain = wide.rename({channels: "concept"}).rename("concepts")
    return plain.assign_attrs(layer=name, statistic=statistic)
