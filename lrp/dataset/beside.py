"""What is said beside samples by their kind: names of features and channels, units, rates, sizes, tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from torch.utils.data import Subset

from spray.kinds import kind_of

ALONG = {"feature_name": "feature", "channel_name": "channel", "unit": "feature", "frequency_hz": "frequency"}
"""What stands along an axis of all samples alike -> the axis, by its kind's own name."""

FACTS = ("sampling_rate", "voxel_size", "unit")
"""What is said of all samples at once; `unit` where it is one text."""

OF_PLACES = ("token_text", "mask")
"""What each sample has for itself, one for each of its places."""

NAMES = frozenset({*ALONG, *FACTS, *OF_PLACES})


def said(dataset: Any, name: str, default: Any = None) -> Any:
    """What a dataset says of its samples: its attribute, or that of the one it is a part of.

    Example:
        >>> from torch.utils.data import Subset
        >>> class Digits(list):
        ...     kind = "image"
        >>> said(Subset(Digits([1, 2]), [0]), "kind")
        'image'
    """
    if isinstance(dataset, Subset):
        return said(dataset.dataset, name, default)
    return getattr(dataset, name, default)


def facts(beside: Mapping[str, Any]) -> dict[str, Any]:
    """What belongs into project.json.

    Raises:
        ValueError: Something is said that no kind knows.

    Example:
        >>> facts({"unit": ["a", "kg"], "sampling_rate": 100.0})
        {'sampling_rate': 100.0}
    """
    if unknown := sorted(beside.keys() - NAMES):
        raise ValueError(f"beside samples stand {', '.join(sorted(NAMES))}; {', '.join(unknown)} is none of these")
    found = {name: beside[name] for name in FACTS if beside.get(name) is not None}
    return {name: value for name, value in found.items() if name not in ALONG or isinstance(value, str)}


def coordinates(explained: xr.Dataset, beside: Mapping[str, Any]) -> xr.Dataset:
    """Explained samples with the names of what lies along their axes.

    Raises:
        ValueError: There are more or fewer names than places, or no such axis.

    Example:
        >>> data = xr.Dataset({"image": (("sample", "feature"), np.ones((2, 3)))})
        >>> coordinates(data, {"feature_name": ["age", "mass", "size"]}).feature_name.values.tolist()
        ['age', 'mass', 'size']
        >>> coordinates(data, {"channel_name": ["left"]})
        Traceback (most recent call last):
        ValueError: channel_name is for samples with the axis channel; these have feature
    """
    along = {name: values for name, values in beside.items() if name in ALONG and not isinstance(values, str)}
    if not along:
        return explained
    kind, axes = kind_of(explained.image), [str(dim) for dim in explained.image.dims if dim != "sample"]
    for name, values in along.items():
        axis = next((axis for axis in axes if kind.named(axis) == ALONG[name]), None)
        if axis is None:
            raise ValueError(f"{name} is for samples with the axis {ALONG[name]}; these have {', '.join(axes)}")
        if len(values) != explained.sizes[axis]:
            raise ValueError(f"{name} has {len(values)} entries, the axis {axis} has {explained.sizes[axis]}")
        numbers = name == "frequency_hz"
        explained = explained.assign_coords({name: (axis, np.asarray(values, dtype=float if numbers else object))})
    return explained
