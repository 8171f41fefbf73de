"""Conditional heatmaps of chosen samples of a project, written into it: R(x | c) as `lrp.conditions` has it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from os import PathLike
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from torch import Tensor
from tqdm.auto import tqdm

from lrp.concepts.conditional import conditions
from lrp.dataset.claims import held
from lrp.dataset.manifest import fingerprint
from lrp.dataset.reading.normalize import Normalization
from lrp.explain.one_call import Explainer
from lrp.explain.target import seed_of
from spray import store
from spray.concepts.conditional import condition_file, condition_name, conditions_of, write_conditions

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
    Any number of processes may work on one project: they share the samples, and all of them end when all are there.
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
    made_with, dims = _made_with(explain, root, data, normalize), tuple(map(str, data.image.dims[1:]))
    given = {sample: {condition_name(one): tuple(one) for one in each} for sample, each in wanted.items()}
    unknown = sorted(given.keys() - set(data.sample.values.tolist()))
    if unknown:
        raise ValueError(f"{root} has no samples {', '.join(map(str, unknown[:5]))}")
    lacking = partial(_lacking, root, layer, beside, given)
    new = 0
    with tqdm(total=len(lacking(given)), unit="sample", disable=None if progress else True) as bar:
        # first what nobody else is at, then one after the other what others were: they may have died
        for size, seconds in ((batch_size, 0.0), (1, math.inf)):
            for samples in _batches(lacking(given), size):
                with _ours(root, layer, beside, samples, seconds) as mine:
                    for names, still in _groups(lacking(mine)).items():
                        channels = [given[still[0]][name] for name in names]
                        found = _found(explain, data, still, layer, channels, beside, axis, normalize)
                        for row, sample in enumerate(still):
                            one = xr.DataArray(found[:, row], {"condition": [*names]}, ("condition", *dims))
                            attrs = {**made_with, "target": int(data.target.sel(sample=sample))}
                            write_conditions(root, sample, one.assign_attrs(layer=layer, beside=beside), **attrs)
                        new += len(names) * len(still)
                        bar.update(len(still))
    return new


def _lacking(
    root: Path, layer: str, beside: bool, given: Mapping[int, Mapping[str, Condition]], samples: Iterable[int]
) -> dict[int, tuple[str, ...]]:
    """Which conditions are not there yet, of those samples that lack any."""
    found = {}
    for sample in samples:
        there = set(conditions_of(root, layer, sample, beside=beside))
        if missing := [name for name in given[sample] if name not in there]:
            found[sample] = tuple(sorted(missing, key=lambda name: [int(c) for c in name.split("+")]))
    return found


def _groups(lacking: Mapping[int, tuple[str, ...]]) -> dict[tuple[str, ...], list[int]]:
    """Samples that lack the same conditions go together."""
    found: dict[tuple[str, ...], list[int]] = {}
    for sample, names in lacking.items():
        found.setdefault(names, []).append(sample)
    return found


def _batches(lacking: Mapping[int, tuple[str, ...]], size: int) -> Iterator[list[int]]:
    for samples in _groups(lacking).values():
        for start in range(0, len(samples), size):
            yield samples[start : start + size]


@contextmanager
def _ours(root: Path, layer: str, beside: bool, samples: Sequence[int], seconds: float) -> Iterator[list[int]]:
    """Those of the samples that no other process is at; they stay ours inside the `with`."""
    with ExitStack() as stack:
        names = {sample: condition_file(Path(), layer, sample, beside=beside).with_suffix("") for sample in samples}
        yield [s for s, name in names.items() if stack.enter_context(held(root, name.as_posix(), seconds))]


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
