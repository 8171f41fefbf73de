"""A report as a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(found: xr.Dataset) -> Figure:
    """Before beside after, a panel a measure and a row a group, with the intervals; needs Matplotlib.

    Example:
        >>> import torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2)).eval()
        >>> graph = lrp.trace(model, torch.zeros(1, 1, 2, 2))
        >>> data = lrp.correct.Samples(torch.rand(8, 1, 2, 2), torch.arange(8) % 2, artefact=torch.arange(8) > 3)
        >>> len(figure(lrp.correct.report(graph, graph, data, lrp.composites.epsilon_plus())).axes)
        2
    """
    from matplotlib.figure import Figure

    shown = [m for m in found.measure.values if np.isfinite(found.value.sel(measure=m)).any()]
    groups = list(map(str, found.group.values))
    drawn = Figure((2.6 * len(shown) + 1.6, 0.4 * len(groups) + 1.2), layout="constrained")
    axes: Any = drawn.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    places = np.arange(len(groups))[::-1]
    for axis, measure in zip(axes, shown, strict=True):
        for shift, (model, colour) in zip((0.14, -0.14), (("before", "0.55"), ("after", "C0")), strict=True):
            one = found.sel(measure=measure, model=model)
            axis.plot(one.value, places + shift, "o", color=colour, label=model)
            axis.hlines(places + shift, one.lower, one.upper, color=colour)
        axis.set_title(str(measure))
        axis.set_xlim(left=0)
        axis.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(places, groups)
    axes[0].legend(loc="lower left")
    return drawn
