"""Reference samples: those in which a channel has most relevance, or is most active, and what it sees of them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from spray.arrays.labels import sample_ids
from spray.concepts.layers import concept_values, layer_of

ROWS = 4096  # samples looked at at once
EPSILON = 1e-10  # of a sample's sum, as zennit-crp has it
PLACE_OF: Mapping[str, str] = {"relevance": "peak", "magnitude": "peak", "peak": "peak", "max": "max", "mean": "max"}
"""Which place is shown for a statistic: where relevance is largest, or where the activation is."""


def references(
    attributions: xr.Dataset,
    *,
    layer: str | None = None,
    by: str = "relevance",
    channels: Sequence[int] | None = None,
    count: int = 8,
    per: str | None = None,
    normalized: bool = True,
) -> xr.Dataset:
    """The samples that show best what a channel stands for, from what the project keeps and without the model.

    With `by="relevance"` it is RelMax, sum over places of R; "peak" is its maximum over places. "max" and "mean" are
    ActMax, of activations (Achtibat et al. 2023, doi:10.1038/s42256-023-00711-8). `normalized` divides each sample by
    its sum of magnitudes over channels, so that it counts which share of a prediction a channel has.

    Args:
        attributions: Of `spray.open_attributions`.
        layer: Its name; not needed where one was asked for.
        by: Statistic, one of `spray.concepts.layers.STATISTICS`.
        channels: Only these; None for all.
        count: Samples of each channel.
        per: Within each value of this coordinate, such as label or prediction.
        normalized: Divide by the sum of magnitudes over channels.

    Returns:
        `reference (channel, rank)`, ids, -1 where there are fewer samples; `value`; and `place`, the flat number of the
        place of the channel's maximum, where places are kept. With `per`, a dimension of its name is in front.

    Raises:
        ValueError: There is no such layer, statistic, channel or coordinate, or `count` is below 1.

    Example:
        >>> import numpy as np, xarray as xr
        >>> shares = (("sample", "channel_4"), np.array([[9.0, 1.0], [5.0, 5.0], [0.0, 3.0]]))
        >>> references(xr.Dataset({"concept_4": shares}, {"sample": [7, 8, 9]}), count=2).reference.values.tolist()
        [[7, 8], [9, 8]]
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    name = layer_of(attributions, layer)
    total = concept_values(attributions.isel(sample=slice(0, 1)), layer=name, statistic=by).sizes["concept"]
    wanted = np.arange(total) if channels is None else np.asarray(list(channels), dtype=np.int64)
    if wanted.size and not (wanted.min() >= 0 and wanted.max() < total):
        raise ValueError(f"layer {name} has {total} channels, 0 to {total - 1}; got {wanted.tolist()}")
    if per is not None and attributions.get(per, xr.DataArray()).dims != ("sample",):
        raise ValueError(f"no coordinate {per!r} of the samples, there are {', '.join(map(str, attributions.coords))}")
    groups = np.zeros(attributions.sizes["sample"], np.int64) if per is None else attributions[per].values
    values, row = _best(attributions, name, by, wanted, groups, count, normalized)
    keys = np.unique(groups)
    ids = sample_ids(attributions)
    dims, lead = ("channel", "rank"), () if per is None else (per,)
    found = {
        "reference": np.where(row >= 0, ids[row], -1),
        "value": values,
        **_places(attributions, name, by, wanted, row),
    }
    coords: dict[str, Any] = {"channel": wanted, "rank": np.arange(count), **({per: keys} if per is not None else {})}
    plain = {key: (lead + dims, value if per is not None else value[0]) for key, value in found.items()}
    return xr.Dataset(plain, coords, {"layer": name, "by": by, **_field(attributions, name, by)})


def _best(
    attributions: xr.Dataset, layer: str, by: str, wanted: np.ndarray, groups: np.ndarray, count: int, normalized: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The largest values and their rows, `(group, channel, rank)`, the largest first; of equal ones the first."""
    keys, group = np.unique(groups, return_inverse=True)
    values = np.full((len(keys), len(wanted), count), -np.inf, np.float32)
    row = np.full(values.shape, -1, np.int64)
    for start, block in _blocks(attributions, layer, by, normalized):
        block = block if np.array_equal(wanted, np.arange(block.shape[1])) else block[:, wanted]
        here = group[start : start + len(block)]
        for number in np.unique(here):
            rows = np.flatnonzero(here == number)
            part = block if len(rows) == len(block) else block[rows]
            values[number], row[number] = _merged(values[number], row[number], part, start + rows)
    return np.where(row >= 0, values, np.nan).astype(np.float32), row


def _merged(values: np.ndarray, row: np.ndarray, part: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest of each channel of what was found before, `(channel, rank)`, and of more rows, `(row, channel)`.

    Nearly all of these are below the least of what was found: only the others are sorted. What is no number is none.
    """
    count, least = values.shape[1], values[:, -1]
    if len(rows) > count and np.isneginf(least).any():  # the first rows: what can be kept, and ties
        known = np.where(np.isnan(part), -np.inf, part)
        least = np.nextafter(np.partition(known, len(rows) - count, axis=0)[len(rows) - count], -np.inf)
    at, new = np.nonzero(part > least)
    before = row >= 0
    channel = np.concatenate([np.nonzero(before)[0], new])
    found = np.concatenate([values[before], part[at, new]])
    where = np.concatenate([row[before], rows[at]])
    order = np.lexsort((where, -found, channel))
    channel, found, where = channel[order], found[order], where[order]
    rank = np.arange(len(channel)) - np.searchsorted(channel, channel)
    kept = rank < count
    values, row = np.full_like(values, -np.inf), np.full_like(row, -1)
    place = channel[kept], rank[kept]
    values[place], row[place] = found[kept], where[kept]
    return values, row


def _blocks(attributions: xr.Dataset, layer: str, by: str, normalized: bool) -> Iterator[tuple[int, np.ndarray]]:
    for start in range(0, attributions.sizes["sample"], ROWS):
        part = attributions.isel(sample=slice(start, start + ROWS))
        values = concept_values(part, layer=layer, statistic=by).values
        yield start, values / (np.abs(values).sum(1, keepdims=True) + EPSILON) if normalized else values


def _places(
    attributions: xr.Dataset, layer: str, by: str, wanted: np.ndarray, row: np.ndarray
) -> dict[str, np.ndarray]:
    name = f"where_{PLACE_OF[by]}_{layer}"
    if name not in attributions:
        return {}
    needed, back = np.unique(row, return_inverse=True)
    back = back.reshape(row.shape)
    known = attributions[name].isel(sample=np.maximum(needed, 0)).values
    return {"place": np.where(row >= 0, known[back, wanted[None, :, None]], -1)}


def _field(attributions: xr.Dataset, layer: str, by: str) -> dict[str, str]:
    """What the places see, as it was told when samples were explained; see `docs/reference/files.md`."""
    name = f"where_{PLACE_OF[by]}_{layer}"
    return (
        {"field": attributions[name].attrs["field"]} if "field" in attributions.get(name, xr.DataArray()).attrs else {}
    )


def box(field: str, place: int) -> tuple[slice, ...]:
    """What a place sees of the input: a slice for each axis behind the samples.

    Args:
        field: The attribute of `references`.
        place: The flat number of a place.

    Returns:
        A slice of everything where nothing else is known.

    Example:
        >>> box("[null, [0, [0, 1], [3, 4]], [1, [0, 1], [3, 4]]]", 1)
        (slice(None, None, None), slice(0, 3, None), slice(1, 4, None))
    """
    along = json.loads(field)
    sizes = {one[0]: len(one[1]) for one in along if one is not None}
    shape = [sizes.get(axis, 1) for axis in range(max(sizes, default=-1) + 1)]
    at = np.unravel_index(place, shape) if shape else ()
    return tuple(slice(None) if one is None else slice(one[1][at[one[0]]], one[2][at[one[0]]]) for one in along)


def crops(attributions: xr.Dataset, found: xr.Dataset, channel: int) -> list[xr.DataArray]:
    """What a channel sees of its reference samples: each input cut to the receptive field of the place.

    Args:
        attributions: Of `spray.open_attributions`, with inputs (`image`).
        found: Of `references`, without `per` or one of its categories.
        channel: One of its channels.

    Returns:
        One part of an input for each sample there is, the whole one where no field is known; the attribute `sample`
        holds its id, `box` where it lies.

    Raises:
        ValueError: The project keeps no inputs, or `found` is of several categories.

    Example:
        >>> import numpy as np, xarray as xr
        >>> field = {"field": "[[0, [0, 2], [2, 4]], [1, [0, 2], [2, 4]]]"}
        >>> data = xr.Dataset({"concept_4": (("sample", "channel_4"), np.ones((1, 1))),
        ...                    "where_peak_4": (("sample", "channel_4"), np.array([[3]]), field),
        ...                    "image": (("sample", "height", "width"), np.arange(16.0).reshape(1, 4, 4))})
        >>> crops(data, references(data, count=1), 0)[0].values.tolist()
        [[10.0, 11.0], [14.0, 15.0]]
    """
    if "image" not in attributions:
        raise ValueError("the project keeps no inputs: nothing can be shown")
    if found.reference.dims != ("channel", "rank"):
        raise ValueError(f"references of several categories, {found.reference.dims}: choose one by .sel()")
    one, parts = found.sel(channel=channel), []
    for rank, sample in enumerate(one.reference.values):
        if sample >= 0:
            image = (
                attributions["image"].sel(sample=sample)
                if "sample" in attributions.coords
                else (attributions["image"].isel(sample=int(sample)))
            )
            seen = (slice(None),) * image.ndim
            if "place" in one and "field" in found.attrs:
                seen = box(found.attrs["field"], int(one.place.values[rank]))
            given = {} if len(seen) != image.ndim else dict(zip(image.dims, seen, strict=True))
            parts.append(image.isel(given).load().assign_attrs(sample=int(sample), box=given))
    return parts
