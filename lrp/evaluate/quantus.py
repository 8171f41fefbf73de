"""An `explain_func` as Quantus wants it: `(model, inputs, targets, **kwargs) -> ndarray`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import nn

from lrp.attribution.methods import Explain
from lrp.composites.table import Row
from lrp.explain.one_call import Explainer, explainer


def explain_func(
    composite: Iterable[Row], *, method: Callable[[Explainer], Explain] | None = None, sum_channels: bool = False
) -> Callable[..., np.ndarray]:
    """An explanation function for Quantus.

    The model's weights are read at every call, since Quantus draws them anew; its graph is traced once.

    Args:
        composite: Which rule where.
        method: What to make of the explainer, `lrp.attribution.smooth_grad` say. Default: LRP itself.
        sum_channels: Give one channel, summed.

    Example:
        >>> import numpy as np, torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 2)).eval()
        >>> explain = explain_func(lrp.composites.epsilon_plus())
        >>> explain(model, np.zeros((5, 3, 2, 2), "float32"), np.zeros(5, int)).shape
        (5, 3, 2, 2)
    """
    rows = tuple(composite)
    known: WeakKeyDictionary[nn.Module, Explainer] = WeakKeyDictionary()

    def explain(model: nn.Module, inputs: Any, targets: Any, **kwargs: Any) -> np.ndarray:
        device = kwargs.get("device") or next((p.device for p in model.parameters()), None)
        x = torch.as_tensor(np.asarray(inputs), device=device)
        x = x.to(next((p.dtype for p in model.parameters()), x.dtype))
        if model not in known:
            known[model] = explainer(model, x[:1], rows)
        program = known[model].program
        values = dict(model.state_dict())
        params = {name: values.get(name, tensor).detach() for name, tensor in program.graph.params.items()}
        current = Explainer(program, program.prepare(params))
        run = current if method is None else method(current)
        relevance = run(x, torch.as_tensor(np.asarray(targets), device=device).long())[1]
        relevance = relevance.sum(1, keepdim=True) if sum_channels else relevance
        return relevance.detach().cpu().numpy()

    return explain
