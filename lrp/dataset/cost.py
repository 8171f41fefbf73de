"""What the statistics of hidden layers cost: bytes of a project, and time, measured with and without them."""

from __future__ import annotations

import time
from collections.abc import Callable
from os import PathLike
from typing import NamedTuple

import torch

from lrp.dataset.batches import attribute
from lrp.dataset.layers.hidden import Layer, hidden_layers
from lrp.explain.one_call import Explainer
from lrp.graph.graph import Example
from spray import store

TIMES = 3


class Cost(NamedTuple):
    """Of the statistics of hidden layers."""

    layers: tuple[str, ...]
    bytes: int
    """Of a sample's statistics."""
    of: int
    """Bytes of all that is kept of a sample, before compression."""
    time: float
    """Of explaining with statistics over explaining without."""

    def __str__(self) -> str:
        layers = ", ".join(self.layers)
        return (
            f"statistics of {layers}: {self.bytes / 1000:.1f} of {self.of / 1000:.1f} kB a sample, "
            f"{max(0.0, self.time - 1):.0%} more time; --no-statistics leaves them out".replace("%", " %")
        )


def statistics_cost(explain: object, x: Example, path: str | PathLike[str]) -> Cost | None:
    """Cost of the statistics that a project has.

    Args:
        explain: What it was made with.
        x: A few inputs, to measure the time by.
        path: Of the project.

    Returns:
        The cost; None where there are no statistics, or no samples yet.

    Example:
        >>> import tempfile, torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval()
        >>> explain = lrp.explainer(model, torch.zeros(1, 3), lrp.composites.epsilon_plus())
        >>> path = lrp.attribute_dataset(explain, list(torch.rand(9, 3)), tempfile.mkdtemp(), progress=False)
        >>> cost = statistics_cost(explain, torch.rand(4, 3), path)
        >>> cost.layers, cost.bytes
        (('1',), 32)
    """
    if not store.parts(path) or not isinstance(explain, Explainer):
        return None
    data, layers = store.open_attributions(path), hidden_layers(explain.program.graph)
    kept = {str(name): v.nbytes // data.sizes["sample"] for name, v in data.data_vars.items() if "sample" in v.dims}
    own = sum(size for name, size in kept.items() if name.startswith("hidden_"))
    if not own:
        return None
    time = _seconds(explain, x, layers) / _seconds(explain, x, ())
    return Cost(tuple(layer.name for layer in layers), own, sum(kept.values()), time)


def _seconds(explain: Explainer, x: Example, layers: tuple[Layer, ...]) -> float:
    """The shortest of a few runs, after one that does not count."""

    def run() -> None:
        with torch.no_grad():
            attribute({"": explain}, x, torch.ones_like, None, layers=layers)

    return min(_timed(run) for _ in range(TIMES + 1))


def _timed(run: Callable[[], None]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
