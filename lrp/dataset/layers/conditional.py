"""Conditional heatmaps of chosen samples of a project, written into it: R(x | c) as `lrp.conditions` has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from torch import Tensor
from tqdm.auto import tqdm

from lrp.concepts.conditional import conditions
from lrp.dataset.manifest import fingerprint
from lrp.dataset.reading.normalize import Normalization
from lrp.explain.one_call import Explainer
from lrp.explain.target import seed_of
from spray import store
from spray.concepts.conditional import condition_name, conditions_of, write_conditions

Condition = tuple[int, ...]


def attribute_conditions(
    explain: Explainer,
    path: str | PathLike[str],
    layer: str,
    wanted: Mapping[int, Sequence[Condition]],
    *,
    beside: bool = True,
    axis: int | None = None,
    normalize: Normalization | None = None,
    batch_size: int = 16,
    progress: bool = True,
) -> int:
    """Write R(x | c) of chosen samples and channels into their project; those that are there stay as they are.

    Each sample is one file, complete or absent: run it again to go on after an interruption, or for further channels.
    What is explained is what the project explains: its target, with its weights, composite and normalization.

    Args:
        explain: Of the model that the project was made with.
        path: The project, which keeps its inputs.
        layer: A module path or node name, see `Graph.find`.
        wanted: Sample -> conditions, each the channels that count together, such as `(3,)` or `(3, 17)`.
        beside: As in `lrp.conditions`: whether paths that pass the layer by count.
        axis: Of the layer's channels, where its operators do not say it.
        normalize: As the project was made with.
        batch_size: Samples predicted at once.
        progress: Show a bar.

    Returns:
        How many heatmaps were new.

    Raises:
        KeyError: There is no such layer.
        ProjectError: The project was made with other weights, composite or normalization.
        ValueError: It keeps no inputs, has no such sample or channel, or explains no single class of a sample.

    Example:
        >>> import tempfile, torch, lrp, spray
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval()
        >>> explain = lrp.explainer(model, torch.zeros(1, 3), lrp.composites.epsilon_plus())
        >>> data = torch.utils.data.TensorDataset(torch.rand(5, 3), torch.zeros(5).long())
        >>> path = lrp.attribute_dataset(explain, data, tempfile.mkdtemp(), keep=lrp.Kept(kind="table"), progress=False)
        >>> lrp.attribute_conditions(explain, path, "1", {2: [(0,), (1, 3)]}, progress=False)
        2
        >>> spray.conditional_relevance(path, "1", 2).condition.values.tolist()
        ['0', '1+3']
    """
    root, data = Path(path), store.open_attributions(path)
    made_with = _made_with(explain, root, data, normalize)
    given = {sample: {condition_name(one): tuple(one) for one in each} for sample, each in wanted.items()}
    unknown = sorted(given.keys() - set(data.sample.values.tolist()))
    if unknown:
        raise ValueError(f"{root} has no samples {', '.join(map(str, unknown[:5]))}")
    groups: dict[frozenset[str], list[int]] = {}
    for sample, each in given.items():
        missing = frozenset(each) - set(conditions_of(root, layer, sample, beside=beside))
        if missing:
            groups.setdefault(missing, []).append(sample)
    total, new = sum(map(len, groups.values())), 0
    with tqdm(total=total, unit="sample", disable=None if progress else True) as bar:
        for names, samples in _batches(groups, batch_size):
            channels = [given[samples[0]][name] for name in names]
            found = _found(explain, data, samples, layer, channels, beside, axis, normalize)
            for row, sample in enumerate(samples):
                one = xr.DataArray(found[:, row], {"condition": names}, ("condition", *map(str, data.image.dims[1:])))
                attrs = {**made_with, "target": int(data.target.sel(sample=sample))}
                write_conditions(root, sample, one.assign_attrs(layer=layer, beside=beside), **attrs)
                new += len(names)
            bar.update(len(samples))
    return new


def _batches(groups: Mapping[frozenset[str], list[int]], size: int) -> Iterator[tuple[list[str], list[int]]]:
    """Samples that lack the same conditions go together."""
    for names, samples in groups.items():
        for start in range(0, len(samples), size):
            yield sorted(names, key=lambda name: [int(c) for c in name.split("+")]), samples[start : start + size]


def _found(
    explain: Explainer, data: xr.Dataset, samples: Sequence[int], layer: str, channels: Sequence[Condition],
    beside: bool, axis: int | None, normalize: Normalization | None,
) -> np.ndarray:  # fmt: skip
    """`(condition, sample, ...)`."""
    chosen = data.sel(sample=list(samples))
    x = _input(explain, chosen.image.values, normalize)
    output, pullback = explain.program(explain.weights, x)
    seed = seed_of(output, torch.as_tensor(chosen.target.values).to(output.device))
    axes = None if axis is None else {layer: axis}
    found = conditions(pullback, seed, {layer: channels}, beside=beside, axes=axes)
    values = found.detach().cpu().numpy()
    if values.shape[1:] != chosen.image.shape:
        raise ValueError(
            f"relevance of a sample is {values.shape[2:]}, the inputs that the project keeps {chosen.image.shape[1:]}"
        )
    return values.astype(np.float32)


def _input(explain: Explainer, image: np.ndarray, normalize: Normalization | None) -> Tensor:
    device = next((value.device for value in explain.program.graph.params.values()), torch.device("cpu"))
    values = torch.as_tensor(image).to(device)
    return values if normalize is None else normalize(values.float() / 255)


def _made_with(explain: Explainer, root: Path, data: xr.Dataset, normalize: Normalization | None) -> dict[str, str]:
    """What conditional heatmaps rest on, the same as the project's."""
    settings = store.read_project(root).get("settings") or {}
    found = fingerprint(explain)
    own = {"weights": found["weights"], "composite": found["composite"], "normalize": str(normalize)}
    for key, value in own.items():
        if settings.get(key, value) != value:
            raise store.ProjectError(f"{root} was made with another {key} than this: give the same")
    if (
        "image" not in data
        or len(explain.program.graph.inputs) != 1
        or "image=None" not in settings.get("keep", "image=None")
    ):
        raise ValueError(f"{root} does not keep the one input of a model as its image: explain it again, keeping it")
    if "target" not in data or bool((data.target < 0).any()):
        raise ValueError(f"{root} does not explain one class of each sample: conditions are of one class")
    return own
