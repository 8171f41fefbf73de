"""Selections of samples: those that carry the artefact in truth, and those that the verdict points at."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import nn

import lrp
from bench.correct.worlds import COMPOSITE, World
from lrp.correct import Samples, locate
from lrp.correct.selection import FEWEST
from lrp.explain.target import seed_of
from lrp.graph.graph import Graph
from spray.analysis import judge


def true(world: World, graph: Graph, model: nn.Module) -> tuple[np.ndarray, dict[str, Any]]:
    """Those of the planted classes that carry the artefact."""
    del graph, model
    planted = torch.isin(world.train.y, torch.tensor(world.classes))
    return (world.train.artefact & planted).numpy(), {}  # type: ignore[operator]


def spray(world: World, graph: Graph, model: nn.Module) -> tuple[np.ndarray, dict[str, Any]]:
    """Of the suspect cluster of each class, and the rest of the class, the one whose located artefact has most effect.

    Nothing of this knows where the artefact is: `locate` pastes what it finds on others of the class, and sees how much
    more the model then believes in it.
    """
    found = judge(_attributed(model, world.train), progress=False)
    best: tuple[float, np.ndarray, dict[str, Any]] = (float("-inf"), np.zeros(len(world.train), bool), {})
    for category, one in found.items():
        inside = np.isin(np.arange(len(world.train)), one.sample.values)
        suspects = one.cluster.sel(clustering="verdict").values == one.attrs.get("suspect_cluster", -1)
        members = np.isin(np.arange(len(world.train)), one.sample.values[suspects])
        if min(members.sum(), (inside & ~members).sum()) < FEWEST:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            located = locate(graph, world.train, members, COMPOSITE)
        facts = {"category": category, "suspicion": float(one.attrs["suspicion"])}
        for effect, chosen, turned in ((located.effect, members, False), (located.opposite, inside & ~members, True)):
            if effect > best[0]:
                best = effect, chosen, facts | {"turned": turned, "size": int(chosen.sum())}
    return best[1:]


SELECTING = {"true": true, "spray": spray}


def _statistics(activation: torch.Tensor, relevance: torch.Tensor) -> dict[str, torch.Tensor]:
    """Of each channel, over its places."""
    a, r = activation.flatten(2), relevance.flatten(2)
    return {"max": a.amax(2), "mean": a.mean(2), "magnitude": r.abs().sum(2)}


def _attributed(model: nn.Module, data: Samples) -> xr.Dataset:
    """Relevance of the own class, and statistics of channels of activations with places."""
    explain = lrp.explainer(model, data.x[:1], COMPOSITE)
    graph = explain.program.graph
    layers = [name for name, one in model.named_modules() if isinstance(one, nn.ReLU)]
    layers = [name for name in layers if graph.find(name).meta["val"].ndim > 2]
    parts = []
    for rows in torch.arange(len(data)).split(128):
        output, pullback = explain.program(explain.weights, data.x[rows])
        relevance, hidden = pullback(seed_of(output, data.y[rows]), at=layers)
        places = ("sample", "channel", "height", "width")
        variables: dict[str, Any] = {
            "image": (places, (data.x[rows].numpy() * 255).astype(np.uint8)),
            "relevance": (places, relevance.detach().numpy()),
        }
        for layer, values in hidden.items():
            for name, statistic in _statistics(values.activation, values.relevance).items():
                dims = ("sample", f"channel_{layer}")
                variables[f"hidden_{name}_{layer}"] = (dims, statistic.detach().numpy().astype(np.float32))
        parts.append(xr.Dataset(variables))
    coords = {"sample": np.arange(len(data)), "label": ("sample", data.y.numpy())}
    return xr.concat(parts, "sample").assign_coords(coords)
