"""Exact Euclidean nearest neighbours by matrix products, of every pair once and block by block.

Of many samples the candidates are found in single precision, at less than half of the price, and their distances are
computed in double. Where rounding could have decided who is a neighbour, the search is done again in double precision.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

ROWS = 2048  # samples in a block; up to twice as many are one block
COLUMNS = 2048  # features multiplied at once
SPARE = 4  # candidates more than asked for, so that rounding cannot decide which ones are found
SPARE_SINGLE = 8  # of single precision
CANCELLED = 1e-3  # d^2 this small beside |x|^2 + |y|^2 lost digits, and is computed from the difference
LEAST, MOST = 1e-20, 1e20  # |x|^2 of the largest sample between which single precision neither under- nor overflows

Best = tuple[np.ndarray, np.ndarray]
"""Squared distances and places of the candidates so far, `(sample, rank)`, nearest first."""


def euclidean_neighbors(values: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions and distances `(sample, rank)` of the `count` nearest other rows, nearest first, then by position.

    |x - y|^2 = |x|^2 + |y|^2 - 2 x.y about the mean of all rows; a block of products serves the rows and the columns of
    it. Peak memory is some blocks beside the input.
    """
    n = len(values)
    mean = values.mean(0, dtype=np.float64)
    squares = np.concatenate([_squares(values[rows], mean) for rows in _blocks(n)])
    if n <= 2 * ROWS or not LEAST < squares.max() < MOST:
        return _finished(values, squares, _pairs(values, mean, squares, count + SPARE), count)
    found = _pairs(values, mean.astype(np.float32), squares.astype(np.float32), count + SPARE_SINGLE)
    last = found[0][:, -1].astype(np.float64)
    near, apart = _finished(values, squares, (found[0].astype(np.float64), found[1]), count, every=True)
    unsure = np.flatnonzero(apart[:, -1] ** 2 > last - _rounding(values.shape[1], squares, apart[:, -1]))
    if len(unsure) > n // 2:
        return _finished(values, squares, _pairs(values, mean, squares, count + SPARE), count)
    for start in range(0, len(unsure), ROWS):
        rows = unsure[start : start + ROWS]
        again = _finished(values, squares, _searched(values, mean, squares, rows, count + SPARE), count, rows)
        near[rows], apart[rows] = again
    return near, apart


def _rounding(features: int, squares: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """How far single precision can be off in d^2 of a sample and whatever is not farther than `apart`.

    That of a sum of m products is at most m u |x| |y|, in any order of summing (Higham 2002, Eq. 3.5), and
    |y| <= |x| + d; what is below the smallest number is lost.
    """
    single = np.finfo(np.float32)
    terms = min(features, COLUMNS) + features // COLUMNS + 8
    one = np.sqrt(squares)
    return terms * (single.eps * (one + apart) * (2 * one + apart) + float(single.tiny))


def _pairs(values: np.ndarray, mean: np.ndarray, squares: np.ndarray, width: int) -> Best:
    """The `width` nearest others of every row, in the precision of the squares."""
    n = len(values)
    width, blocks = min(width, n - 1), _blocks(n)
    best = np.full((n, width), np.inf, squares.dtype), np.full((n, width), -1, dtype=np.int64)
    pairs = [(rows, columns) for i, rows in enumerate(blocks) for columns in blocks[i:]]
    for (rows, columns), apart in zip(
        pairs, ahead(lambda pair: _apart(values, mean, squares, *pair), pairs), strict=True
    ):
        if rows == columns:
            np.fill_diagonal(apart, np.inf)
        else:
            _merge(best, columns, rows.start, apart, axis=1)
        _merge(best, rows, columns.start, apart)
    return best


def _searched(values: np.ndarray, mean: np.ndarray, squares: np.ndarray, rows: np.ndarray, width: int) -> Best:
    """The same of some rows alone."""
    width = min(width, len(values) - 1)
    best = np.full((len(rows), width), np.inf), np.full((len(rows), width), -1, dtype=np.int64)
    for columns in _blocks(len(values)):
        apart = _apart(values, mean, squares, rows, columns)
        own = np.flatnonzero((rows >= columns.start) & (rows < columns.stop))
        apart[own, rows[own] - columns.start] = np.inf
        _merge(best, slice(0, len(rows)), columns.start, apart)
    return best


def _blocks(n: int) -> list[slice]:
    size = n if n <= 2 * ROWS else ROWS
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def _squares(values: np.ndarray, mean: np.ndarray) -> np.ndarray:
    return np.concatenate([np.square(row - mean).sum(keepdims=True) for row in values])


def _apart(values: np.ndarray, mean: np.ndarray, squares: np.ndarray, rows: Any, columns: slice) -> np.ndarray:
    """d^2 for the rows and columns of a block, features piece by piece: no copy of all of them is made."""
    total: np.ndarray | None = None
    for start in range(0, values.shape[1], COLUMNS):
        piece = slice(start, start + COLUMNS)
        left = np.subtract(values[rows, piece], mean[piece], dtype=mean.dtype, casting="same_kind")
        right = left  # one array times its own transpose costs half
        if rows is not columns:
            right = np.subtract(values[columns, piece], mean[piece], dtype=mean.dtype, casting="same_kind")
        product = left @ right.T
        total = product if total is None else np.add(total, product, out=total)
    assert total is not None
    total *= -2
    total += squares[rows, None]
    total += squares[columns]
    return total


def ahead(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """`map`, with the next one computed by another thread while the last one is used."""
    with ThreadPoolExecutor(1) as pool:
        coming: Future[Any] | None = None
        for item in items:
            coming, done = pool.submit(function, item), coming
            if done is not None:
                yield done.result()
        if coming is not None:
            yield coming.result()


def _merge(best: Best, rows: slice, offset: int, apart: np.ndarray, axis: int = 0) -> None:
    """Take those of `apart` (the rows along `axis`, others from `offset` on) that beat the candidates so far."""
    distances, places = best[0][rows], best[1][rows]
    width = distances.shape[1]
    bound = distances[:, -1]
    if np.isinf(bound).any() and apart.shape[1 - axis] > width:
        nearest = np.partition(apart, width - 1, axis=1 - axis).take(width - 1, 1 - axis)
        bound = np.minimum(bound, np.nextafter(nearest, apart.dtype.type(np.inf)))
    flat = np.flatnonzero(apart < (bound if axis else bound[:, None]))  # flat is much faster than by rows and columns
    if not len(flat):
        return
    at = np.divmod(flat, apart.shape[1])
    row, other = at[axis], at[1 - axis]
    row_of = np.concatenate([np.repeat(np.arange(len(distances)), width), row])
    found = np.concatenate([distances.ravel(), apart.ravel()[flat]])
    place = np.concatenate([places.ravel(), other + offset])
    order = np.lexsort((place, found, row_of))
    row_of, found, place = row_of[order], found[order], place[order]
    rank = np.arange(len(row_of)) - np.searchsorted(row_of, np.arange(len(distances)))[row_of]
    kept = rank < width
    distances[row_of[kept], rank[kept]] = found[kept]
    places[row_of[kept], rank[kept]] = place[kept]


def _finished(
    values: np.ndarray,
    squares: np.ndarray,
    best: Best,
    count: int,
    rows: np.ndarray | None = None,
    every: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Distances in their final order, of all rows or some; exact where products cancelled, or everywhere."""
    apart, places = best
    own = np.arange(len(values)) if rows is None else rows
    row, rank = np.nonzero((apart < CANCELLED * (squares[own, None] + squares[places])) | every)
    step = max(1, (1 << 20) // values.shape[1])
    for start in range(0, len(row), step):
        at = row[start : start + step], rank[start : start + step]
        difference = values[own[at[0]]].astype(np.float64)
        difference -= values[places[at]]
        apart[at] = np.einsum("ij,ij->i", difference, difference)
    order = np.lexsort((places, apart), axis=1)[:, :count]
    return np.take_along_axis(places, order, 1), np.sqrt(np.maximum(np.take_along_axis(apart, order, 1), 0))
