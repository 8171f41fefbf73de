"""A whole dataset, explained shard by shard into a project. Kill it whenever, run it again: it goes on where it was.

A shard is a fixed run of `shard_size` samples and one file, complete or absent. Batches never cross shards, so that a
resumed run computes the same numbers from the same batches. A shard is claimed by a lock that the operating system
drops when its owner dies: any number of processes may work on one project.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn
from torch.utils.data import Dataset
from tqdm.auto import tqdm

from lrp.attribution.methods import Explain, Method
from lrp.dataset import beside
from lrp.dataset.claims import claimed
from lrp.dataset.home import staying
from lrp.dataset.kept import Kept
from lrp.dataset.layers.hidden import PEAK, STATISTICS, asked_layers, hidden_layers
from lrp.dataset.manifest import agree, identity
from lrp.dataset.reading.inputs import reading
from lrp.dataset.reading.normalize import Normalization
from lrp.dataset.reading.readers import open_data
from lrp.dataset.reading.samples import own_names
from lrp.dataset.records import Recorder
from lrp.dataset.shards import Shard, Work, shards
from lrp.dataset.targets import SampleTarget, targets
from lrp.explain.one_call import Explainer
from lrp.graph import Graph
from lrp.process import memory_kept
from lrp.transform.passes import tensors
from spray import store
from spray.store.netcdf import read_attrs


def attribute_dataset(
    explain: Explain | Mapping[str, Explain],
    dataset: Dataset | Mapping | Iterable | str | PathLike[str],
    path: str | PathLike[str],
    *,
    target: SampleTarget = None,
    batch_size: int = 32,
    shard_size: int = 256,
    ids: Sequence[int] | None = None,
    normalize: Normalization | None = None,
    keep: Kept | None = None,
    concepts: Sequence[str] | Mapping[str, int] = (),
    statistics: bool = True,
    name: str | None = None,
    model: str = "",
    method: str = "",
    label_names: Sequence[str] | None = None,
    errors: Literal["raise", "skip"] = "raise",
    workers: int = 0,
    progress: bool = True,
) -> Path:
    """Explain every sample of a dataset and stream the results to the project at `path`.

    While it runs, glibc keeps freed memory for the whole process, see `lrp.process.memory_kept`.

    Args:
        explain: From `lrp.explainer` or `lrp.attribution`, or any `(x, target) -> (output, relevance)`. A mapping of
            several, by name, is computed in one pass: the first as `relevance`, the others as `relevance_NAME`.
        dataset: Items are an image, `(image, label)` or `(image, label, extra)`; `extra` maps names to numbers or
            texts that travel along as per-sample variables, `token_text` and `mask` to one each of a text's tokens.
            For a model of several inputs a tuple or dict of tensors stands in the image's place; which of them is
            drawn says `Kept(draw=...)`. For samples of several labels a set of integers stands in the label's place.
            Indexed if it has a length, else iterated in order; a mapping by its keys. Its attributes `kind`, `axes`,
            `beside`, `classes` and `most_labels` say what samples are, see `lrp.dataset.beside`. A path is opened by
            `lrp.open_data`.
        path: Folder of the project; made if missing, resumed if this very run was begun there.
        target: See `SampleTarget`.
        batch_size: Samples explained at once; may differ when resuming, at the price of rounding errors.
        shard_size: Samples in one file; at most so many are computed twice after a kill.
        ids: The dataset's own integer ids, by position. Default: integer keys of a mapping, positions in the original
            for a `Subset`, else the positions.
        normalize: What the model wants done to images in [0, 1]; they are then stored as bytes, as they were before.
        keep: What is stored, and how; see `Kept`.
        concepts: Layers of the (first) explainer's model of which, for each channel, the relevance is kept
            (`concept_LAYER`), its magnitude, its maximum, the maximum and mean activation (`hidden_STATISTIC_LAYER`)
            and where the maxima are (`where_STATISTIC_LAYER`): for `spray.recipes.concept`, `spray.recipes.pcx` and
            `spray.references`. Which axis holds channels is said by the layer's operator, or by you:
            `{"layer": axis}`.
        statistics: Keep the maximum and mean activation and the magnitude of relevance of each channel of an early, a
            middle and a late layer, as `hidden_max_LAYER`, `hidden_mean_LAYER`, `hidden_magnitude_LAYER`: what the
            verdict of `spray rank` sees best by. Of the (first) explainer's model; other methods have no such layers.
        name, model, method: For people, kept in project.json. Default: the folder's name, nothing, the method's.
        label_names: Name of each class. Default: the dataset's `classes`.
        errors: "raise" stops at the first sample that cannot be read or explained and names it; "skip" leaves it out
            and notes it in the shard's attribute `failed`: see `left_out`.
        workers: Processes that read ahead, as in `torch.utils.data.DataLoader`.
        progress: Show a progress bar; it stays silent where there is no terminal.

    Returns:
        The project's folder, for `spray.open_attributions`. Shards that other processes are at are not waited for:
        `spray.store.missing` tells what is not there.

    Raises:
        ValueError, IndexError, TypeError: The target does not fit the output or the dataset; an extra variable has
            the name of one that the project has itself, such as `prediction`.
        SampleError: A sample cannot be read, or has an output or relevance that is not finite.
        ProjectError: The folder holds another run: other weights, composite, target, ids, shard size or way to read
            inputs. Or it was moved away meanwhile.
        OSError: The disk is full, say. Whatever the error, finished shards stay, and the same call goes on from there.

    Example:
        >>> import tempfile, torch, lrp, spray.store
        >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 2)).eval()
        >>> explain = lrp.explainer(model, torch.zeros(1, 3, 2, 2), lrp.composites.epsilon_plus())
        >>> dataset = torch.utils.data.TensorDataset(torch.rand(10, 3, 2, 2), torch.arange(10) % 2)
        >>> path = lrp.attribute_dataset(explain, dataset, tempfile.mkdtemp(), target="label", progress=False,
        ...                              keep=lrp.Kept(kind="image"))
        >>> dict(spray.store.open_attributions(path).relevance.sizes)
        {'sample': 10, 'channel': 3, 'height': 2, 'width': 2}
    """
    path, keep = Path(path), keep or Kept()
    dataset = open_data(dataset) if isinstance(dataset, str | PathLike) else dataset
    _check(batch_size, shard_size, errors)
    own_names(
        set(getattr(dataset, "extra", None) or ()) - set(beside.OF_PLACES)
    )  # of a file of arrays: known before anything is computed
    methods = explain if isinstance(explain, Mapping) else {"": explain}
    work = shards(dataset, shard_size, ids)
    wanted = targets(target, work.size)
    label_names = list(beside.said(dataset, "classes", ()) if label_names is None else label_names)
    names = beside.said(dataset, "beside", {})
    settings = {"target": wanted.text, "shard_size": shard_size, "ids": work.ids, "concepts": list(concepts)}
    first = next(iter(methods.values()))
    layers = hidden_layers(first.program.graph) if statistics and isinstance(first, Explainer) else ()
    settings |= {"statistics": [layer.name for layer in layers]} if layers else {}
    if concepts and isinstance(first, Explainer):
        asked = asked_layers(first.program.graph, concepts)
        layers = (*(layer for layer in layers if layer.name not in concepts), *asked)
        settings |= {"channels": sorted([*STATISTICS, *PEAK])}
    settings |= {"normalize": str(normalize), "keep": str(keep), **reading(dataset, work.first), **identity(methods)}
    facts = {"name": name or path.resolve().name, "model": model, "method": method or settings["method"]}
    facts |= {
        "dataset": type(dataset).__name__,
        "label_names": label_names,
        **beside.facts(names),
        **_expected(work, shard_size),
    }
    agree(path, settings, facts)
    check = staying(path)
    said = {name: beside.said(dataset, name) for name in ("axes", "kind", "most_labels")}
    recorder = Recorder(
        methods, wanted, _device(first), keep, normalize, concepts, label_names, **said, beside=names, layers=layers,
        skip=errors == "skip",
    )  # fmt: skip
    done = set(store.parts(path))
    before = sum(shard.size for shard in work.shards if shard.number in done) if work.size else 0
    with tqdm(total=work.size, initial=before, unit="sample", disable=None if progress else True) as bar, memory_kept():
        seen: list[np.ndarray] = []
        for shard in work.shards:
            check()
            _work_on(path, shard, recorder, batch_size, workers, bar, check)
            seen.append(shard.ids)
    if work.size is None and seen:
        check()
        store.add_facts(path, samples=store.expected_samples(np.concatenate(seen), shard_size))
    return path


def left_out(path: str | PathLike[str]) -> dict[int, str]:
    """Samples that were left out because they cannot be read or explained (`errors="skip"`), and why.

    Args:
        path: Of the project.

    Returns:
        Sample -> the error.

    Example:
        >>> import tempfile
        >>> left_out(tempfile.mkdtemp())
        {}
    """
    found: dict[int, str] = {}
    for part in store.parts(path).values():
        failed = read_attrs(part, remedy="explain the samples again").get("failed", "{}")
        found |= {int(sample): str(why) for sample, why in json.loads(failed).items()}
    return found


def _expected(work: Work, shard_size: int) -> dict[str, Any]:
    """How many samples there will be, if that is known before all are read."""
    if work.size is None:
        return {}
    return {"samples": store.expected_samples(np.concatenate([shard.ids for shard in work.shards]), shard_size)}


def _work_on(
    path: Path, shard: Shard, recorder: Recorder, batch_size: int, workers: int, bar: tqdm, check: Callable[[], None]
) -> None:
    """Explain and write one shard, unless that is done or another process is at it; `check` is asked before writing."""
    with claimed(path, shard.number) as ours:
        if ours:
            explained = recorder.shard(shard.load(batch_size, workers), bar.update)
            check()
            _write(path, shard, explained)


def _write(path: Path, shard: Shard, explained: xr.Dataset) -> None:
    try:
        store.write_part(path, shard.number, explained)
    except (OSError, RuntimeError) as error:  # the netCDF library reports a full disk as RuntimeError
        first, last = shard.ids[[0, -1]]
        raise OSError(
            f"part {shard.number} (samples {first} to {last}) could not be written to {path}, where "
            f"{shutil.disk_usage(path).free / 1e6:.1f} MB are free: {error}. Finished parts are kept; run the same "
            "again to go on from there"
        ) from error


def _device(source: object) -> torch.device:
    """Where a method's parameters are."""
    if isinstance(source, Method):
        return _device(source.of)
    params: Iterable[Tensor] = ()
    if isinstance(source, Explainer):
        params = tensors(source.weights)
    elif isinstance(source, Graph):
        params = source.params.values()
    elif isinstance(source, nn.Module):
        params = source.parameters()
    return next((param.device for param in params), torch.device("cpu"))


def _check(batch_size: int, shard_size: int, errors: str) -> None:
    if errors not in ("raise", "skip"):
        raise ValueError(f'errors must be "raise" or "skip", got {errors!r}')
    if batch_size < 1 or shard_size < 1:
        raise ValueError(f"batch_size and shard_size must be positive, got {batch_size} and {shard_size}")
