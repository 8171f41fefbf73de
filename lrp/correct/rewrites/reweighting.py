"""DFR: the last layer anew, on features of as many samples of each group (Kirichenko et al. 2023, arXiv:2204.02937)."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx

from lrp.correct.samples import Samples
from lrp.graph.aten import arguments, operator_name
from lrp.graph.cutting import until
from lrp.graph.graph import Graph
from lrp.graph.operators import has

STRENGTHS = (1.0, 0.3, 0.1, 0.03)
SPARSE: dict[str, Any] = (
    {"l1_ratio": 1.0} if tuple(map(int, version("scikit-learn").split(".")[:2])) >= (1, 8) else {"penalty": "l1"}
)
"""The L1 penalty, whose spelling scikit-learn 1.8 changed; each version takes the other's with a warning, as L2."""


def reweight(
    graph: Graph, data: Samples, *, subsets: int = 10, strengths: Sequence[float] = STRENGTHS, seed: int = 0
) -> dict[str, Tensor]:
    """The last dense layer as a logistic regression with L1 penalty on group-balanced samples, averaged over subsets.

    A group is a class with or without the artefact. The strength of the penalty is the one with the best worst group on
    what the balanced half leaves. Where a group has no sample, nothing can tell its class from the artefact: then this
    does not help, and says so.

    Args:
        data: Held-out samples with `artefact`.

    Returns:
        All parameters, those of the last layer changed.

    Raises:
        ValueError: The model does not end in a dense layer with its own bias, or it is not known which samples carry
            the artefact.

    Warns:
        UserWarning: Groups are missing.
    """
    import warnings

    from sklearn.linear_model import LogisticRegression

    weight, bias, features = _last(graph)
    if data.artefact is None:
        raise ValueError("reweighting needs to know which samples carry the artefact: Samples(x, y, artefact=...)")
    part = until(graph, features)
    with torch.no_grad():
        f = torch.cat([part(graph.params, x) for x in data.x.split(256)]).double().cpu().numpy()
    y, group = data.y.cpu().numpy(), (2 * data.y + data.artefact.long()).cpu().numpy()
    classes = graph.params[weight].shape[0]
    if len(missing := set(range(2 * classes)) - set(group.tolist())):
        listed = ", ".join(f"class {g // 2} {'with' if g % 2 else 'without'} it" for g in sorted(missing))
        warnings.warn(
            f"no held-out sample of {listed}: the last layer cannot unlearn what no group contradicts; paste the "
            "artefact on held-out samples, or take another method",
            stacklevel=2,
        )
    mean, scale = f.mean(0), np.maximum(f.std(0), 1e-8)
    f = (f - mean) / scale
    rng = np.random.default_rng(seed)

    def fitted(rows: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
        solver: Any = "liblinear" if classes == 2 else "saga"
        found = LogisticRegression(**SPARSE, C=strength, solver=solver, max_iter=500, random_state=0)
        found.fit(f[rows], y[rows])
        w, b = np.zeros((classes, f.shape[1])), np.full(classes, -1e3)
        if classes == 2:
            return np.stack([-found.coef_[0], found.coef_[0]]) / 2, np.array([-1, 1]) * found.intercept_[0] / 2  # pyright: ignore[reportIndexIssue]
        w[found.classes_], b[found.classes_] = found.coef_, found.intercept_
        return w, b

    train, test = _balanced(group, rng, half=True)
    worst = {c: _worst(*fitted(train, c), f[test], y[test], group[test]) for c in strengths}
    strength = max(worst, key=worst.__getitem__)
    found = [fitted(_balanced(group, rng)[0], strength) for _ in range(subsets)]
    w, b = np.mean([one for one, _ in found], 0), np.mean([one for _, one in found], 0)
    w = w / scale
    b = b - w @ mean
    old = graph.params[weight]
    return {**graph.params, weight: torch.as_tensor(w).to(old), bias: torch.as_tensor(b).to(old)}


def _worst(w: np.ndarray, b: np.ndarray, f: np.ndarray, y: np.ndarray, group: np.ndarray) -> float:
    right = (f @ w.T + b).argmax(1) == y
    return min(float(right[group == g].mean()) for g in np.unique(group))


def _balanced(group: np.ndarray, rng: np.random.Generator, half: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """As many rows of each group as the smallest has (half of them for `half`), and all others."""
    number = min(np.bincount(group)[np.unique(group)])
    number = max(1, number // 2) if half else number
    rows = np.concatenate([rng.permutation(np.flatnonzero(group == g))[:number] for g in np.unique(group)])
    others = np.setdiff1d(np.arange(len(group)), rows)
    return rows, others if len(others) else rows


def _last(graph: Graph) -> tuple[str, str, str]:
    """Names of the last layer's weight and bias, and of the node of its features."""
    node = graph.output
    given = arguments(node) if isinstance(node, fx.Node) and node.op == "call_function" else {}
    names = [
        given[role].meta.get("param") if isinstance(given.get(role), fx.Node) else None for role in ("weight", "bias")
    ]
    if not has(operator_name(node.target), "dense") or None in names:
        raise ValueError(
            "the model does not end in a dense layer with a bias: take another method, or explain its logits"
        )
    return names[0], names[1], given["input"].name  # type: ignore[return-value]
