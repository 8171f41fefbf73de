"""Exact Euclidean nearest neighbours by matrix products, of every pair once and block by block."""

import numpy as np

ROWS = 2048  # samples in a block; up to twice as many are one block
COLUMNS = 2048  # features multiplied at once
SPARE = 4  # candidates more than asked for, so that rounding cannot decide which ones are found
CANCELLED = 1e-3  # d^2 this small beside |x|^2 + |y|^2 lost digits, and is computed from the difference


def euclidean_neighbors(values: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions and distances `(sample, rank)` of the `count` nearest other rows, nearest first, then by position.

    |x - y|^2 = |x|^2 + |y|^2 - 2 x.y in double precision about the mean of all rows; a block of products serves the
    rows and the columns of it. Peak memory is some blocks beside the input.
    """
    n, width = len(values), min(count + SPARE, len(values) - 1)
    mean = values.mean(0, dtype=np.float64)
    squares = np.concatenate([_squares(values[rows], mean) for rows in _blocks(n)])
    best = np.full((n, width), np.inf), np.full((n, width), -1, dtype=np.int64)
    blocks = _blocks(n)
    for i, rows in enumerate(blocks):
        for columns in blocks[i:]:
            apart = _products(values, mean, rows, columns)
            apart += squares[rows, None]
            apart += squares[columns]
            if rows == columns:
                np.fill_diagonal(apart, np.inf)
            else:
                _merge(best, columns, rows.start, apart.T)
            _merge(best, rows, columns.start, apart)
    return _finished(values, squares, best, count)


def _blocks(n: int) -> list[slice]:
    size = n if n <= 2 * ROWS else ROWS
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def _squares(values: np.ndarray, mean: np.ndarray) -> np.ndarray:
    return np.concatenate([np.square(row - mean).sum(keepdims=True) for row in values])


def _products(values: np.ndarray, mean: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
    """-2 x.y for the rows and columns of a block, features piece by piece: no copy of all of them is made."""
    total: np.ndarray | None = None
    for start in range(0, values.shape[1], COLUMNS):
        piece = slice(start, start + COLUMNS)
        left = values[rows, piece] - mean[piece]
        # one array times its own transpose costs half
        product = left @ (left if rows == columns else values[columns, piece] - mean[piece]).T
        total = product if total is None else np.add(total, product, out=total)
    assert total is not None
    return np.multiply(total, -2, out=total)


def _merge(best: tuple[np.ndarray, np.ndarray], rows: slice, offset: int, apart: np.ndarray) -> None:
    """Take those of `apart` (rows of the block, others from `offset` on) that beat the candidates so far."""
    distances, places = best[0][rows], best[1][rows]
    width = distances.shape[1]
    bound = distances[:, -1]
    if np.isinf(bound).any() and apart.shape[1] > width:
        bound = np.minimum(bound, np.nextafter(np.partition(apart, width - 1, axis=1)[:, width - 1], np.inf))
    row, other = np.nonzero(apart < bound[:, None])
    if not len(row):
        return
    row_of = np.concatenate([np.repeat(np.arange(len(distances)), width), row])
    found = np.concatenate([distances.ravel(), apart[row, other]])
    place = np.concatenate([places.ravel(), other + offset])
    order = np.lexsort((place, found, row_of))
    row_of, found, place = row_of[order], found[order], place[order]
    rank = np.arange(len(row_of)) - np.searchsorted(row_of, np.arange(len(distances)))[row_of]
    kept = rank < width
    distances[row_of[kept], rank[kept]] = found[kept]
    places[row_of[kept], rank[kept]] = place[kept]


def _finished(
    values: np.ndarray, squares: np.ndarray, best: tuple[np.ndarray, np.ndarray], count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Distances, exact where products cancelled, in their final order."""
    apart, places = best
    row, rank = np.nonzero(apart < CANCELLED * (squares[:, None] + squares[places]))
    step = max(1, (1 << 23) // values.shape[1])
    for start in range(0, len(row), step):
        one, other = row[start : start + step], places[row, rank][start : start + step]
        difference = values[one].astype(np.float64) - values[other]
        apart[one, rank[start : start + step]] = np.square(difference).sum(1)
    order = np.lexsort((places, apart), axis=1)[:, :count]
    return np.take_along_axis(places, order, 1), np.sqrt(np.maximum(np.take_along_axis(apart, order, 1), 0))
