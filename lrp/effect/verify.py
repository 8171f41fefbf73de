"""The effect of a project's suspects, with the model at hand, written beside their suspicion."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
import torch
import xarray as xr
from torch import Tensor
from tqdm.auto import tqdm

from lrp.dataset.manifest import fingerprint
from lrp.dataset.reading.normalize import Normalization
from lrp.effect.measure import Effect, effects, is_used, strongest
from lrp.effect.network import Network
from lrp.explain.one_call import Explainer
from spray import store

VERDICT = "verdict"
OTHERS = 200  # samples of other classes that are changed
MOST = 400  # samples of the class
WORDS = {
    "overlay": "what stays in place, laid over them,",
    "colour": "its colours, given to them,",
    "softness": "its softness, given to them,",
    "patch": "what moves, pasted into them,",
    "direction": "its direction, added in a hidden layer,",
}


class Samples(NamedTuple):
    """A project's inputs, read when they are asked for."""

    data: xr.Dataset
    device: torch.device
    normalize: Normalization | None

    def __call__(self, rows: np.ndarray) -> Tensor:
        values = torch.as_tensor(self.data.image.isel(sample=rows).values).to(self.device)
        if self.normalize is None:
            return values
        return self.normalize(values.float() / 255)


def verify(
    explain: Explainer,
    path: str | PathLike[str],
    *,
    categories: Sequence[str] = (),
    most: int = 3,
    normalize: Normalization | None = None,
    seed: int = 0,
    progress: bool = True,
) -> dict[str, dict[str, Effect]]:
    """Give what each suspect has in common to samples of other classes, count how many turn, and note it.

    Attributes of the category in the analysis "verdict": `used` ("yes" or "no"), `effect` (in words), `effect_change`,
    `effect_turned`, `effect_control`, `effect_logit`, `effect_control_logit`. They stay until the verdict changes.

    Args:
        explain: Of the model that the project was made with.
        path: A project with a verdict.
        categories: Which. Default: the `most` most suspicious.
        most: How many.
        normalize: As the project was made with.
        seed: Of the samples of other classes, and of random groups.
        progress: Show a bar.

    Returns:
        Category -> change -> effect, see `lrp.effect.effects`.

    Raises:
        ProjectError: The project has no verdict, or was made with another model or normalization.
        ValueError: Its samples are not the model's only input; or a category is no class, or has no suspect.
    """
    data = store.open_attributions(path)
    _check(explain, path, data, normalize)
    found = store.open_analysis(path, VERDICT)
    index = store.read_analysis_index(path, VERDICT)
    order = index.category.values[np.argsort(-index.suspicion.fillna(0).values, kind="stable")]
    suspected = [name for name in order if name in found and "suspect_cluster" in found[name].attrs]
    chosen = list(categories) or suspected[:most]
    network = Network.of(explain.program.graph)
    device = next((value.device for value in explain.program.graph.params.values()), torch.device("cpu"))
    samples = Samples(data, device, normalize)
    results = {}
    for name in tqdm(chosen, desc="verify", unit="category", disable=None if progress else True):
        if name not in suspected:
            raise ValueError(f"category {name!r} has no suspect: give one of {', '.join(suspected[:20]) or 'none'}")
        results[name] = _effects(network, samples, found[name], seed)
        store.write_category(path, VERDICT, name, found[name].assign_attrs(_facts(results[name])))
    store.write_analysis_index(path, VERDICT)
    return results


def _effects(network: Network, samples: Samples, verdict: xr.Dataset, seed: int) -> dict[str, Effect]:
    category, data, rng = str(verdict.attrs["category"]), samples.data, np.random.default_rng(seed)
    classes = data.sizes.get("class", 2)
    if not category.isdecimal() or int(category) >= classes:
        raise ValueError(
            f"category {category!r} is none of the model's {classes} classes: judge by label or prediction"
        )
    rows = np.flatnonzero(np.isin(data.sample.values, verdict.sample.values))
    is_member = verdict.cluster.sel(clustering=VERDICT).values == verdict.attrs["suspect_cluster"]
    members = np.isin(data.sample.values[rows], verdict.sample.values[is_member])
    others = np.setdiff1d(np.flatnonzero(data.prediction.values != int(category)), rows)
    if not len(others):
        raise ValueError(f"every sample is predicted as {category}: there are no others to change")
    inside, outside, others = (
        samples(np.sort(rng.permutation(part)[:number]))
        for part, number in ((rows[members], MOST), (rows[~members], MOST), (others, OTHERS))
    )
    return effects(network, inside, outside, others, int(category), seed=seed)


def _facts(found: dict[str, Effect]) -> dict[str, Any]:
    name = strongest(found)
    best = found[name]
    return {
        "used": "yes" if is_used(found) else "no",
        "effect_change": name,
        "effect_turned": best.turned,
        "effect_control": best.control_turned,
        "effect_logit": best.logit,
        "effect_control_logit": best.control_logit,
        "effect": (
            f"{WORDS[name]} turns {best.turned:.0%} of the other classes' samples into this class (groups at random: "
            f"{best.control_turned:.0%}); output {best.logit:+.1f} ({best.control_logit:+.1f})"
        ).replace("%", " %"),
    }


def _check(explain: Explainer, path: str | PathLike[str], data: xr.Dataset, normalize: Normalization | None) -> None:
    settings = store.read_project(path).get("settings") or {}
    weights = fingerprint(explain)["weights"]
    if settings.get("weights", weights) != weights:
        raise store.ProjectError(f"{path} was made with other weights: give the model that it was made with")
    if settings.get("normalize", str(normalize)) != str(normalize):
        raise store.ProjectError(
            f"{path} was made with normalization {settings['normalize']}, got {normalize}: give the same"
        )
    if VERDICT not in store.analyses(path):
        raise store.ProjectError(f"{path} has no verdict: run spray rank {path} first")
    if "image" not in data or len(explain.program.graph.inputs) != 1:
        raise ValueError("an effect is tested on models of one input, which the project keeps as its image")
    if "image=None" not in settings.get("keep", "image=None"):
        raise ValueError("the project keeps something else than the model's input as image: nothing can be tested")
