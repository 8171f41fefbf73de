"""A whole dataset, explained shard by shard into a project. Kill it whenever, run it again: it goes on where it was.

A shard is a fixed run of `shard_size` samples and one file, complete or absent. Batches never cross shards, so that a
resumed run computes the same numbers from the same batches. A shard is claimed by a lock that the operating system
drops when its owner dies: any number of processes may work on one project.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Literal

import torch
import xarray as xr
from torch import Tensor
from torch.utils.data import Dataset
from tqdm.auto import tqdm

from lrp.dataset_manifest import agree, fingerprint
from lrp.dataset_records import Explain, Recorder
from lrp.dataset_samples import SampleError
from lrp.dataset_shards import Shard, claimed, shards
from lrp.explain import Explainer
from spray import store

__all__ = ["Explain", "SampleError", "SampleTarget", "attribute_dataset"]

SampleTarget = None | Literal["prediction", "label"] | int | Callable[[Tensor], Tensor]
"""What to explain of each sample: None or "prediction" (its predicted class), "label", a class, or a function from the
output `(batch, class)` to a seed of that shape."""


def attribute_dataset(
    explain: Explain,
    dataset: Dataset | Iterable,
    path: str | PathLike[str],
    *,
    target: SampleTarget = None,
    batch_size: int = 32,
    shard_size: int = 256,
    ids: Sequence[int] | None = None,
    image: Callable[[Tensor], Tensor] | None = None,
    dims: Sequence[str] | None = None,
    name: str | None = None,
    model: str = "",
    method: str = "",
    label_names: Sequence[str] | None = None,
    errors: Literal["raise", "skip"] = "raise",
    workers: int = 0,
    progress: bool = True,
) -> Path:
    """Explain every sample of a dataset and stream the results to the project at `path`.

    Args:
        explain: From `lrp.explainer`, or any `(x, target) -> (output, relevance)`.
        dataset: Items are an image, `(image, label)` or `(image, label, extra)`; `extra` maps names to numbers or
            texts that travel along as per-sample variables. With a length: indexed; without: iterated in order.
        path: Folder of the project; made if missing, resumed if this very run was begun there.
        target: See `SampleTarget`.
        batch_size: Samples explained at once; may differ when resuming, at the price of rounding errors.
        shard_size: Samples in one file; at most so many are computed twice after a kill.
        ids: The dataset's own integer ids, by position. Default: the positions, those in the original for a `Subset`.
        image: What to store as the image, from the batch that the model sees: an inverse of the normalization, say.
            Default: the batch itself.
        dims: Names of the image's dimensions but the first. Default: channel, height, width for three.
        name, model, method: For people, kept in project.json. Default: the folder's name, nothing, nothing.
        label_names: Name of each class. Default: the dataset's `classes`.
        errors: "raise" stops at the first sample that cannot be read or explained and names it; "skip" leaves it out
            and notes it in the shard's attribute `failed`.
        workers: Processes that read ahead, as in `torch.utils.data.DataLoader`.
        progress: Show a progress bar; it stays silent where there is no terminal.

    Returns:
        The project's folder, for `spray.open_attributions`.

    Raises:
        SampleError: A sample cannot be read, or has an output or relevance that is not finite.
        ProjectError: The folder holds another run: other weights, composite, target, ids or shard size.
        OSError: The disk is full, say. Whatever the error, finished shards stay, and the same call goes on from there.

    Example:
        >>> import tempfile, torch, lrp, spray.store
        >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 2)).eval()
        >>> explain = lrp.explainer(model, torch.zeros(1, 3, 2, 2), lrp.composites.epsilon_plus())
        >>> dataset = torch.utils.data.TensorDataset(torch.rand(10, 3, 2, 2), torch.arange(10) % 2)
        >>> path = lrp.attribute_dataset(explain, dataset, tempfile.mkdtemp(), target="label", progress=False)
        >>> dict(spray.store.open_attributions(path).relevance.sizes)
        {'sample': 10, 'channel': 3, 'height': 2, 'width': 2}
    """
    path = Path(path)
    _check(target, batch_size, shard_size, errors)
    work = shards(dataset, shard_size, ids)
    label_names = list(getattr(dataset, "classes", ()) if label_names is None else label_names)
    settings = {"target": _text(target), "shard_size": shard_size, "ids": work.ids, **fingerprint(explain)}
    facts = {"name": name or path.resolve().name, "model": model, "method": method, "label_names": label_names}
    agree(path, settings, {"dataset": type(dataset).__name__, **facts})
    recorder = Recorder(explain, target, _device(explain), image, dims, label_names, errors == "skip")
    done = set(store.parts(path))
    before = sum(shard.size for shard in work.shards if shard.number in done) if work.size else 0
    with tqdm(total=work.size, initial=before, unit="image", disable=None if progress else True) as bar:
        for shard in work.shards:
            _work_on(path, shard, recorder, batch_size, workers, bar)
    return path


def _work_on(path: Path, shard: Shard, recorder: Recorder, batch_size: int, workers: int, bar: tqdm) -> None:
    """Explain and write one shard, unless that is done or another process is at it."""
    with claimed(path, shard.number) as ours:
        if ours:
            explained = recorder.shard(shard.load(batch_size, workers), bar.update)
            _write(path, shard.number, explained)


def _write(path: Path, number: int, explained: xr.Dataset) -> None:
    try:
        store.write_part(path, number, explained)
    except OSError as error:
        first, last = explained.sample.values[[0, -1]]
        error.add_note(
            f"part {number} (samples {first} to {last}) could not be written to {path}; finished parts are kept, "
            "run the same again to go on from there"
        )
        raise


def _device(explain: Explain) -> torch.device:
    """Where the method's parameters are."""
    params = explain.program.graph.params.values() if isinstance(explain, Explainer) else ()
    return next((param.device for param in params), torch.device("cpu"))


def _text(target: SampleTarget) -> str:
    if callable(target):
        return f"function {getattr(target, '__qualname__', type(target).__qualname__)}"
    return "prediction" if target is None else str(target)


def _check(target: SampleTarget, batch_size: int, shard_size: int, errors: str) -> None:
    if isinstance(target, str) and target not in ("prediction", "label"):
        raise ValueError(f'target must be "prediction", "label", a class or a function, got {target!r}')
    if errors not in ("raise", "skip"):
        raise ValueError(f'errors must be "raise" or "skip", got {errors!r}')
    if batch_size < 1 or shard_size < 1:
        raise ValueError(f"batch_size and shard_size must be positive, got {batch_size} and {shard_size}")
