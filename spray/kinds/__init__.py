"""Kinds of samples: images, signals, texts, tables, volumes. A kind is one entry of one table.

Whoever has to know what the axes of a sample mean asks here, and nobody counts axes. A kind of your own is a file with
one `Kind`, and a renderer in `spray/pictures/`.
"""

from typing import Literal

import xarray as xr

from spray.kinds.image import IMAGE
from spray.kinds.kind import Kind
from spray.kinds.none import NONE
from spray.kinds.signal import SIGNAL
from spray.kinds.spectrogram import SPECTROGRAM
from spray.kinds.table import TABLE
from spray.kinds.text import TEXT
from spray.kinds.volume import VOLUME

KINDS: dict[str, Kind] = {kind.name: kind for kind in (IMAGE, SIGNAL, TEXT, TABLE, VOLUME, SPECTROGRAM, NONE)}
"""Every kind by its name."""

__all__ = ["KINDS", "Kind", "kind_of", "places_of", "window_of"]


def kind_of(data: xr.DataArray) -> Kind:
    """The kind of samples in an array: its attribute `kind`, or what its dimensions' names say for certain.

    Args:
        data: `(sample, ...)`.

    Returns:
        One of `KINDS`.

    Raises:
        ValueError: The names say nothing certain, or not what the attribute says; the message says what to write.

    Example:
        >>> import numpy as np
        >>> leads = xr.DataArray(np.zeros((5, 12, 500)), dims=["sample", "channel", "time"])
        >>> kind_of(leads).name, kind_of(leads.rename(channel="a", time="b").assign_attrs(kind="none")).name
        ('signal', 'none')
    """
    axes = tuple(str(dim) for dim in data.dims if dim != "sample")
    said = data.attrs.get("kind")
    if said is not None:
        if said not in KINDS:
            raise ValueError(f"{data.name or 'the data'} is of kind {said!r}; there are {', '.join(KINDS)}")
        kind = KINDS[said]
        if kind is not NONE and not kind.fits(axes):
            raise ValueError(f"{data.name or 'the data'} has the axes {axes}, and its kind is {kind}")
        return kind
    fitting = [kind for kind in KINDS.values() if kind is not NONE and kind.fits(axes)]
    if len(fitting) == 1:
        return fitting[0]
    raise ValueError(
        f"{data.name or 'the data'} has the axes {axes}, which say of no kind of samples that it is one: name them as "
        f"one of {'; '.join(str(kind) for kind in KINDS.values() if kind is not NONE)}, or say kind='none'"
    )


def window_of(data: xr.DataArray, size: int | Literal["kind"] = "kind") -> dict[str, int]:
    """A window along the places of a sample: of `size` along each, or that of the kind's features.

    Args:
        data: `(sample, ...)`.
        size: Places along each axis that has any; "kind" for those of the kind's features.

    Returns:
        Axis -> places. Empty where a kind has features as they are (tables, texts).

    Raises:
        ValueError: The kind is not certain, see `kind_of`.

    Example:
        >>> import numpy as np
        >>> last = xr.DataArray(np.zeros((5, 8, 6, 3)), dims=["sample", "height", "width", "channel"])
        >>> window_of(last, 4), window_of(last.rename(height="time", width="a").isel(a=0, drop=True))
        ({'height': 4, 'width': 4}, {'time': 1})
    """
    kind = kind_of(data)
    axes = [str(dim) for dim in data.dims if dim != "sample"]
    own = kind.cells({kind.named(axis): data.sizes[axis] for axis in axes})
    return {axis: own[kind.named(axis)] if size == "kind" else size for axis in axes if kind.named(axis) in own}


def places_of(data: xr.DataArray) -> tuple[str, ...]:
    """The axes of a sample along which there are places, such as height and width.

    Raises:
        ValueError: The kind is not certain, see `kind_of`.

    Example:
        >>> import numpy as np
        >>> places_of(xr.DataArray(np.zeros((5, 3, 8, 6)), dims=["sample", "channel", "y", "x"]))
        ('y', 'x')
    """
    return kind_of(data).axes_of(tuple(str(dim) for dim in data.dims if dim != "sample"))
