"""How much a split of a category stands out, and whom it sets apart: on arrays in units of the other categories."""

import numpy as np


def split_variance(values: np.ndarray, members: np.ndarray) -> np.ndarray:
    """s = p (1 - p) |mean_in - mean_out|^2: the variance between the two sides of each split, p the share inside.

    Args:
        values: `(sample, feature)`, in units of the others.
        members: `(candidate, sample)`, bool.

    Returns:
        `(candidate)`.

    Example:
        >>> import numpy as np
        >>> split_variance(np.array([[0.0], [0.0], [4.0], [4.0]]), np.array([[True, True, False, False]])).tolist()
        [4.0]
    """
    inside = members.astype(np.float64)
    size = inside.sum(1, keepdims=True)
    gap = (inside @ values) / size - ((1 - inside) @ values) / (len(values) - size)
    share = size[:, 0] / len(values)
    return share * (1 - share) * np.square(gap).sum(1)


def refined(values: np.ndarray, members: np.ndarray, *, rounds: int = 3, folds: int = 5, seed: int = 0) -> np.ndarray:
    """Members anew: samples on the line between the two sides' means, cut where it parts best (Otsu 1979).

    The line is Fisher's, w = (S_W + I)^-1 (mean_in - mean_out), and no sample is judged by a line that it helped to
    find: `folds` parts, each by the others, `rounds` times over.

    Args:
        values: `(sample, feature)`, all views side by side.
        members: `(sample)`, bool.
        rounds, folds: See above.
        seed: Of the parts.

    Returns:
        `(sample)`, bool.

    Example:
        >>> import numpy as np
        >>> values = np.repeat([[0.0], [9.0]], 20, 0) + np.linspace(0, 1, 40)[:, None]
        >>> members = np.arange(40) >= 17  # three too many
        >>> int(refined(values, members).sum())
        20
    """
    n, current = len(values), members
    part = np.random.default_rng(seed).permutation(n) % folds
    for _ in range(rounds):
        line = np.zeros(n)
        for fold in range(folds):
            train = part != fold
            inside, outside = values[train & current], values[train & ~current]
            if min(len(inside), len(outside)) < 3:
                return members
            middle, direction = _discriminant(inside, outside)
            line[~train] = (values[~train] - middle) @ direction
        new = line > otsu(line)
        if min(new.sum(), (~new).sum()) < 5 or (new == current).all():
            break
        current = new
    return current


def _discriminant(inside: np.ndarray, outside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    one, two = inside.mean(0), outside.mean(0)
    within = np.concatenate([inside - one, outside - two])
    gap = one - two
    if within.shape[1] > len(within):  # the same by the smaller matrix (Woodbury)
        inner = np.eye(len(within)) + within @ within.T / len(within)
        direction = gap - within.T @ np.linalg.solve(inner, within @ gap) / len(within)
    else:
        direction = np.linalg.solve(within.T @ within / len(within) + np.eye(within.shape[1]), gap)
    return (one + two) / 2, direction / max(gap @ direction, 1e-300)


def otsu(line: np.ndarray) -> float:
    """The cut of numbers that leaves the least variance within its two sides (Otsu, doi:10.1109/TSMC.1979.4310076).

    Args:
        line: Numbers.

    Returns:
        Between two of them.

    Example:
        >>> import numpy as np
        >>> otsu(np.array([0.0, 1.0, 8.0, 9.0]))
        4.5
    """
    ordered = np.sort(line)
    n, head, left = len(ordered), np.cumsum(ordered)[:-1], np.arange(1, len(ordered))
    between = np.square(head / left - (head[-1] + ordered[-1] - head) / (n - left)) * left * (n - left)
    cut = int(between.argmax())
    return float((ordered[cut] + ordered[cut + 1]) / 2)


def odd_side(values: np.ndarray, members: np.ndarray, others: np.ndarray, *, largest: float = 0.6) -> np.ndarray:
    """Of a split's two sides the one that is farther from the other categories, on the line between their means.

    Args:
        values: `(sample, feature)`.
        members: `(sample)`, bool: one side.
        others: `(category, feature)`, the others' means.
        largest: No side of a larger share is odd.

    Returns:
        `members`, or what is not in it.

    Example:
        >>> import numpy as np
        >>> values, inside = np.array([[0.0], [0.0], [9.0]]), np.array([True, True, False])
        >>> odd_side(values, inside, np.array([[0.5]])).tolist()
        [False, False, True]
    """
    if np.mean(~members) > largest:
        return members
    if np.mean(members) > largest:
        return ~members
    gap = values[members].mean(0) - values[~members].mean(0)
    usual = np.median(others @ gap)
    inside, outside = (abs(values[side].mean(0) @ gap - usual) for side in (members, ~members))
    return members if inside >= outside else ~members
