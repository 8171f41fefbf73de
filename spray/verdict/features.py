"""What every view does to its numbers: parts of each sample's sum, and not too many of them."""

import numpy as np

MOST_FEATURES = 2048  # of a view; of more, random sums are taken (Johnson and Lindenstrauss 1984)


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
