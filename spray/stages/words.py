"""Texts: who uses the same words, by their relevance. Sparse from end to end: sample x vocabulary is never held."""

import numpy as np
import pandas as pd
import scipy.sparse as sp
import xarray as xr

from spray.arrays import graph
from spray.arrays.labels import check_finite, sample_ids

ROWS = 512  # texts that are read at once
HELD = 1 << 22  # distances that are held at once


def by_word(relevance: xr.DataArray, tokens: xr.DataArray) -> tuple[sp.csr_array, list[str]]:
    """Relevance of each word in each text, summed over the places where it stands.

    Args:
        relevance: `(sample, token)`.
        tokens: `(sample, token)`, texts; "" where a short text is filled up.

    Returns:
        A sparse `(sample, word)` matrix, and the words.

    Raises:
        ValueError: The two do not fit, or a number is not finite (the error names the samples).

    Example:
        >>> import xarray as xr
        >>> relevance = xr.DataArray([[1.0, 2.0, 3.0], [4.0, 0.0, 0.0]], dims=["sample", "token"])
        >>> tokens = xr.DataArray([["a", "b", "a"], ["b", "", ""]], dims=["sample", "token"])
        >>> matrix, words = by_word(relevance, tokens)
        >>> matrix.toarray().tolist(), words
        ([[4.0, 2.0], [0.0, 4.0]], ['a', 'b'])
    """
    if relevance.dims != tokens.dims or relevance.shape != tokens.shape or relevance.dims[0] != "sample":
        raise ValueError(f"relevance {dict(relevance.sizes)} and tokens {dict(tokens.sizes)} must be (sample, token)")
    check_finite(relevance)
    known: dict[str, int] = {}
    columns, values, lengths = [], [], []
    for start in range(0, relevance.sizes["sample"], ROWS):
        texts = tokens.isel(sample=slice(start, start + ROWS)).values
        column = _numbered(texts, known)
        columns.append(column[column >= 0])
        values.append(relevance.isel(sample=slice(start, start + ROWS)).values[column >= 0].astype(np.float64))
        lengths.append((column >= 0).sum(1))
    ends = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
    shape = (len(ends) - 1, len(known))
    matrix = sp.csr_array((np.concatenate(values), np.concatenate(columns), ends), shape=shape)
    matrix.sum_duplicates()
    return matrix, list(known)


def _numbered(texts: np.ndarray, known: dict[str, int]) -> np.ndarray:
    """The number of each word, as `known` has it or gets it; -1 where there is none."""
    code, words = pd.factorize(texts.ravel())
    number = [known.setdefault(str(word), len(known)) if word else -1 for word in words]
    return np.append(np.array(number, np.int64), -1)[code].reshape(texts.shape)  # a code of -1 is the last one


def word_neighbors(relevance: xr.DataArray, tokens: xr.DataArray, *, neighbors: int = 10) -> xr.Dataset:
    """The texts whose words have the most similar relevance: d = 1 - cos of relevance by word.

    Args:
        relevance: `(sample, token)`.
        tokens: `(sample, token)`, texts.
        neighbors: How many.

    Returns:
        The neighbours form (see `spray.graph`). A text without relevance is at distance 1 of all.

    Raises:
        ValueError: `neighbors` is below 1, or as `by_word`.

    Example:
        >>> import xarray as xr
        >>> relevance = xr.DataArray([[1.0, 0.0], [2.0, 0.1], [1.0, 0.0]], dims=["sample", "token"])
        >>> tokens = xr.DataArray([["tag", "a"], ["tag", "b"], ["c", "a"]], dims=["sample", "token"])
        >>> word_neighbors(relevance, tokens, neighbors=1).neighbor.values.ravel().tolist()
        [1, 0, 0]
    """
    if neighbors < 1:
        raise ValueError(f"neighbors must be at least 1, got {neighbors}")
    ids = sample_ids(relevance)
    order = np.argsort(ids, kind="stable")
    matrix = by_word(relevance, tokens)[0][order]
    length = np.sqrt(matrix.multiply(matrix).sum(1))
    unit = (sp.diags_array(np.divide(1.0, length, out=np.zeros_like(length), where=length > 0)) @ matrix).tocsr()
    turned, count = unit.T.tocsc(), min(neighbors, len(ids) - 1)
    near, distances = np.empty((len(ids), count), np.int64), np.empty((len(ids), count))
    step = max(1, HELD // len(ids))
    for start in range(0, len(ids), step):
        apart = 1 - (unit[start : start + step] @ turned).toarray()
        rows = np.arange(len(apart))
        apart[rows, start + rows] = np.inf
        chosen = np.argsort(apart, axis=1, kind="stable")[:, :count]
        near[start : start + step] = chosen
        distances[start : start + step] = np.maximum(np.take_along_axis(apart, chosen, 1), 0)
    return graph.neighbours(ids, order, near, distances)
