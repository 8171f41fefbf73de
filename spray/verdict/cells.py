"""Where the relevance lies, coarsely, by the kind of samples: cells of images, windows of signals, columns, words."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import pandas as pd
import xarray as xr

from spray.kinds import Kind, kind_of
from spray.kinds.image import IMAGE
from spray.kinds.none import NONE
from spray.kinds.table import TABLE
from spray.kinds.text import TEXT
from spray.kinds.volume import VOLUME
from spray.verdict.features import shares

CELLS = {1: 64, 2: 8, 3: 4}  # along each axis of places, by how many there are
WORDS = 64  # places that words share by their hash: as many as an image has cells
ONE_PICTURE = (IMAGE, VOLUME)  # kinds whose channels lie on one another; leads and bands stay apart


def certain(data: xr.DataArray) -> Kind:
    """The kind of samples, `NONE` where nothing says it for certain.

    Args:
        data: `(sample, ...)`.

    Returns:
        One of `spray.kinds.KINDS`.

    Example:
        >>> certain(xr.DataArray(np.ones((2, 3)), dims=["sample", "pixel"])).name
        'none'
    """
    try:
        return kind_of(data)
    except ValueError:
        return NONE


def cells(attributions: xr.Dataset) -> np.ndarray:
    """|R| of each cell: 8 x 8 of an image, 64 windows in time of each lead, columns as they are, words by their hash.

    Args:
        attributions: With `relevance`, and `token_text` where the samples are texts.

    Returns:
        `(sample, cell)`, as `shares`.

    Example:
        >>> heat = xr.DataArray(np.ones((1, 4, 4)), dims=["sample", "height", "width"], name="relevance")
        >>> cells(heat.to_dataset()).shape
        (1, 16)
        >>> leads = xr.DataArray(np.ones((1, 12, 500)), dims=["sample", "channel", "time"], name="relevance")
        >>> cells(leads.to_dataset()).shape
        (1, 768)
    """
    if certain(attributions["relevance"]) is TEXT:
        return shares(_by_word(attributions))
    return shares(_summed(*_placed(attributions)))


def magnitude(attributions: xr.Dataset) -> np.ndarray:
    """|R| of an image as `(sample, height, width)`.

    Args:
        attributions: With `relevance`.

    Returns:
        Channels added up.

    Example:
        >>> heat = xr.DataArray(-np.ones((1, 3, 4, 4)), dims=["sample", "channel", "height", "width"], name="relevance")
        >>> float(magnitude(heat.to_dataset()).max())
        3.0
    """
    return _placed(attributions)[0]


def cell_names(attributions: xr.Dataset) -> Sequence[str]:
    """What each cell is, in words, where it has a name: a column, a lead and a time, a word.

    Args:
        attributions: As for `cells`, of one category.

    Returns:
        A name for each feature of `cells`, none where they are places of a picture.

    Example:
        >>> rows = xr.DataArray([[1.0, 2.0]], {"feature_name": ("feature", ["age", "mass"])}, ["sample", "feature"])
        >>> cell_names(rows.to_dataset(name="relevance"))
        ['of age', 'of mass']
    """
    relevance = attributions["relevance"]
    kind = certain(relevance)
    if kind is TEXT:
        return _words(attributions)
    if "feature_name" in attributions.variables and relevance.ndim == 2:
        return [f"of {name}" for name in attributions["feature_name"].values]
    if kind in ONE_PICTURE or len(kind.places) != 1:
        return []
    leads = [str(dim) for dim in relevance.dims[1:] if dim not in kind.axes_of(tuple(map(str, relevance.dims)))]
    length = relevance.sizes[kind.axes_of(tuple(map(str, relevance.dims)))[0]]
    windows = min(CELLS[1], length)
    names = [
        f"from {at / windows:.0%} to {(at + 1) / windows:.0%} of the time".replace("%", " %") for at in range(windows)
    ]
    if not leads:
        return names
    count = relevance.sizes[leads[0]]
    said = attributions["channel_name"].values if "channel_name" in attributions.variables else range(count)
    return [f"in {'' if isinstance(lead, str) else 'channel '}{lead}, {name}" for lead in said for name in names]


def _placed(attributions: xr.Dataset) -> tuple[np.ndarray, int]:
    """|R| as `(sample, *leads, *places)`, and how many axes are places."""
    relevance = abs(attributions["relevance"])
    kind = certain(relevance.assign_attrs(attributions["relevance"].attrs))
    axes = [str(dim) for dim in relevance.dims if dim != "sample"]
    places = kind.axes_of(tuple(axes)) if kind is not NONE else tuple(axes)
    if kind is TABLE:  # no column is near another one
        return relevance.transpose("sample", *axes).values, 0
    leads = [axis for axis in axes if axis not in places]
    if kind in ONE_PICTURE:
        relevance, leads = relevance.sum(leads), []
    return relevance.transpose("sample", *leads, *places).values, len(places)


def _summed(values: np.ndarray, places: int) -> np.ndarray:
    """Sums over cells along the last axes, of which there are so many."""
    if places not in CELLS:
        return values.reshape(len(values), -1)
    for axis in range(values.ndim - places, values.ndim):
        length, most = values.shape[axis], CELLS[places]
        starts = np.unique(np.arange(min(most, length)) * length // min(most, length))
        values = np.add.reduceat(values, starts, axis)
    return values


def _by_word(attributions: xr.Dataset) -> np.ndarray:
    """|R| of words, added up in each text; a word's place is the same in every category."""
    words, code, relevance = _tokens(attributions)
    bucket = np.array([_bucket(word) for word in words], np.int64)[code]
    row = np.repeat(np.arange(len(code)), code.shape[1])
    found = np.bincount(row * WORDS + bucket.ravel(), relevance.ravel(), len(code) * WORDS)
    return found.reshape(len(code), WORDS)


def _words(attributions: xr.Dataset) -> list[str]:
    """For each place the word with most relevance, of those that share it."""
    words, code, relevance = _tokens(attributions)
    total = np.bincount(code.ravel(), relevance.ravel(), len(words))
    names = [""] * WORDS
    for at in np.argsort(total, kind="stable"):
        names[_bucket(words[at])] = f"of the word {words[at]}"
    return names


def _tokens(attributions: xr.Dataset) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Words, the number of each token's, and |R|, which is 0 behind a text's end."""
    image = attributions.get("image")
    if "token_text" in attributions:
        given = attributions["token_text"]
    elif image is not None and image.dtype.kind in "iu":  # numbers of words are words, too
        given = image
    else:
        raise ValueError("texts are compared by their words: token_text (sample, token) is missing")
    relevance = np.abs(attributions["relevance"].values)
    code, words = pd.factorize(given.values.ravel())
    there = np.array([word != "" for word in words], bool)[code].reshape(relevance.shape)
    return list(map(str, words)), code.reshape(relevance.shape), np.where(there, relevance, 0)


def _bucket(word: str) -> int:
    return int.from_bytes(blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()) % WORDS
