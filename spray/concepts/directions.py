"""Concept activation vectors: the direction along which samples with a concept lie, how well it fits, what rests on it.

On arrays that are there already: activations that a project keeps, or that a model gave.
"""

from collections.abc import Callable, Mapping

import numpy as np

FOLDS = 5

Fit = Callable[[np.ndarray, np.ndarray], np.ndarray]


def pattern(features: np.ndarray, members: np.ndarray) -> np.ndarray:
    """The difference of means: where the concept moves a sample (Pahde et al. 2022, arXiv:2202.03482, Eq. 4).

    Args:
        features: `(sample, feature)`.
        members: `(sample,)`, true or false.

    Returns:
        `(feature,)`.

    Example:
        >>> pattern(np.array([[2.0, 1.0], [0.0, 1.0]]), np.array([True, False])).tolist()
        [2.0, 0.0]
    """
    return features[members].mean(0) - features[~members].mean(0)


def svm(features: np.ndarray, members: np.ndarray) -> np.ndarray:
    """The normal of the best separating plane: it also weighs what it must subtract (Kim et al. 2018,
    arXiv:1711.11279).

    Args:
        features: `(sample, feature)`.
        members: `(sample,)`, true or false.

    Returns:
        `(feature,)`.

    Example:
        >>> bool(svm(np.array([[2.0, 1.0], [0.0, 1.0]]), np.array([True, False]))[0] > 0)
        True
    """
    from sklearn.svm import LinearSVC

    scale = features.std() or 1.0
    machine = LinearSVC(class_weight="balanced", max_iter=10_000, random_state=0, C=0.1, tol=1e-3)
    return machine.fit(features / scale, members).coef_[0]


KINDS: Mapping[str, Fit] = {"pattern": pattern, "svm": svm}
"""Every kind of direction by its name."""


def cav(features: np.ndarray, members: np.ndarray, *, kind: str = "pattern") -> np.ndarray:
    """The direction from samples without a concept to those with it, of length 1.

    `pattern` says where the concept moves a sample, and is right for correction. `svm` separates better and points
    elsewhere where other features differ too.

    Args:
        features: `(sample, ...)`, such as a layer's activations, or their maxima over places; of one class only, so
            that the direction is not the class's.
        members: `(sample,)`, whether each has the concept.
        kind: pattern or svm.

    Returns:
        Of one sample's shape.

    Raises:
        ValueError: There is no such kind, no member, or nothing else; or both groups are the same.

    Example:
        >>> features = np.array([[3.0, 1.0], [3.0, 3.0], [0.0, 1.0], [0.0, 3.0]])
        >>> cav(features, np.arange(4) < 2).tolist()
        [1.0, 0.0]
    """
    if kind not in KINDS:
        raise ValueError(f"no direction of kind {kind!r}; there are {', '.join(KINDS)}")
    chosen, flat = _checked(features, members)
    found = KINDS[kind](flat, chosen)
    if not (length := np.linalg.norm(found)):
        raise ValueError("members and others do not differ in these features: take another layer")
    return (found / length).reshape(np.shape(features)[1:])


def _checked(features: np.ndarray, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    chosen = np.asarray(members, bool)
    if chosen.shape != (len(features),):
        raise ValueError(f"members must be ({len(features)},), one a sample, got {chosen.shape}")
    if not chosen.any() or chosen.all():
        raise ValueError(
            f"{chosen.sum()} of {len(chosen)} samples are members: a direction needs some of the class with the "
            "artefact and some without"
        )
    return chosen, np.asarray(features, np.float64).reshape(len(features), -1)


def cav_auroc(features: np.ndarray, members: np.ndarray, *, kind: str = "pattern", seed: int = 0) -> float:
    """How well directions made from four fifths of the samples order the last fifth: 1 always, 0.5 not at all.

    Args:
        features, members, kind: As in `cav`.
        seed: Of the fifths.

    Returns:
        The mean of the fifths; NaN with fewer than two members or others.

    Raises:
        ValueError: As in `cav`.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> apart = np.concatenate([rng.normal(size=(20, 3)), 5 + rng.normal(size=(20, 3))])
        >>> cav_auroc(apart, np.arange(40) >= 20) > 0.9
        True
    """
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    chosen = np.asarray(members, bool)
    folds = min(FOLDS, chosen.sum(), (~chosen).sum())
    if folds < 2:
        return float("nan")
    chosen, flat = _checked(features, members)
    scores = []
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=seed).split(chosen, chosen):
        direction = cav(flat[train], chosen[train], kind=kind)
        scores.append(roc_auc_score(chosen[test], flat[test] @ direction))
    return float(np.mean(scores))


def tcav(gradients: np.ndarray, direction: np.ndarray) -> tuple[float, float]:
    """TCAV: how often an output grows along a concept's direction, and how much it changes (Kim et al. 2018, Eq. 1, 2).

    With s = v . grad_a f of each sample, or of each place of each sample: score = |{s > 0}| / |{s != 0}|, sensitivity =
    mean |s|. A concept that an output does not rest on has 0.5 and 0.

    Args:
        gradients: Of the output to the layer, `(sample, channel)`, `(sample, channel, place, ...)`, or of the
            direction's shape behind the samples.
        direction: v, `(channel,)`, for each place by itself; or of one sample's shape.

    Returns:
        Score, NaN where no s differs from 0, and sensitivity.

    Raises:
        ValueError: The shapes do not fit.

    Example:
        >>> tcav(np.array([[1.0, 5.0], [2.0, 0.0], [-1.0, 7.0], [3.0, 1.0]]), np.array([1.0, 0.0]))
        (0.75, 1.75)
    """
    found, v = np.asarray(gradients, np.float64), np.asarray(direction, np.float64)
    if found.shape[1:] == v.shape:
        along = found.reshape(len(found), -1) @ v.reshape(-1)
    elif v.ndim == 1 and found.ndim > 1 and found.shape[1] == len(v):
        along = np.tensordot(found, v, (1, 0))
    else:
        raise ValueError(f"a direction of shape {v.shape} does not fit gradients of shape {found.shape}")
    moved = int((along != 0).sum())
    return float((along > 0).sum() / moved) if moved else float("nan"), float(np.abs(along).mean())
