"""From a project of ViRelAy to one of ours, and back."""

import json
from pathlib import Path

import numpy as np
import xarray as xr
import yaml
from tqdm import tqdm

from spray import store
from spray._optional import optional
from spray.files import replacing, write_text
from spray.virelay.analyses import write_hdf5
from spray.virelay.project import open_virelay

BLOCK = 1000  # samples in memory at once


def from_virelay(source: Path, target: Path, *, progress: bool = True) -> None:
    """Write what project.yaml and its files hold as a new project; sample ids stay what they are.

    Args:
        source: A project.yaml.
        target: A folder that is not there yet, or empty.
        progress: Show a bar.

    Raises:
        ImportError: h5py is not installed.
        ProjectError: `target` holds something, or `source` is no project of ViRelAy.

    Example:
        >>> import tempfile, numpy as np, xarray as xr
        >>> from pathlib import Path
        >>> folder = Path(tempfile.mkdtemp())
        >>> store.write_project(folder / "ours", name="digits", label_names=["zero"])
        >>> ones = ("sample", "channel", "height", "width"), np.ones((2, 1, 4, 4), "float32")
        >>> part = xr.Dataset({"image": ones, "relevance": ones}, {"sample": [0, 1]})
        >>> store.write_part(folder / "ours", 0, part).name
        'part-00000.nc'
        >>> to_virelay(folder / "ours", folder / "theirs", progress=False)
        >>> from_virelay(folder / "theirs" / "project.yaml", folder / "again", progress=False)
        >>> store.open_attributions(folder / "again").sizes["sample"]
        2
    """
    if target.exists() and any(target.iterdir()):
        raise store.ProjectError(f"{target} exists already and is not empty: give another folder")
    found = open_virelay(source)
    store.write_project(target, **found.facts)
    n = found.attributions.sizes["sample"]
    for number, start in enumerate(tqdm(range(0, n, BLOCK), desc="samples", unit="part", disable=not progress)):
        part = found.attributions.isel(sample=slice(start, start + BLOCK)).load()
        store.write_part(target, number, part)
    for name, categories in found.analyses.items():
        store.save_analysis(categories, target, name=name)


def to_virelay(source: Path, target: Path, *, progress: bool = True) -> None:
    """Write a project of ours as ViRelAy's project.yaml, label map and HDF5 files.

    Args:
        source: A project of ours.
        target: A folder that is not there yet, or empty.
        progress: Show a bar.

    Raises:
        ImportError: h5py is not installed.
        ProjectError: `target` holds something, or a sample id is negative.

    Example:
        >>> import tempfile, numpy as np, xarray as xr
        >>> from pathlib import Path
        >>> folder = Path(tempfile.mkdtemp())
        >>> store.write_project(folder / "ours", name="digits", label_names=["zero"])
        >>> ones = ("sample", "channel", "height", "width"), np.ones((2, 1, 4, 4), "float32")
        >>> part = xr.Dataset({"image": ones, "relevance": ones}, {"sample": [0, 1]})
        >>> store.write_part(folder / "ours", 0, part).name
        'part-00000.nc'
        >>> to_virelay(folder / "ours", folder / "theirs", progress=False)
        >>> sorted(path.name for path in (folder / "theirs").iterdir())
        ['attribution.h5', 'dataset.h5', 'label-map.json', 'project.yaml']
    """
    h5py = optional("h5py", purpose="writing HDF5")
    facts, attributions = store.read_project(source), store.open_attributions(source)
    if target.exists() and any(target.iterdir()):
        raise store.ProjectError(f"{target} exists already and is not empty: give another folder")
    target.mkdir(parents=True, exist_ok=True)
    ids = attributions.sample.values
    if len(ids) and ids.min() < 0:
        raise store.ProjectError("ViRelAy numbers samples from 0, and this project has negative sample ids")
    with (
        replacing(target / "dataset.h5") as images,
        replacing(target / "attribution.h5") as maps,
        h5py.File(images, "w") as data,
        h5py.File(maps, "w") as heat,
    ):
        _create(data, heat, attributions)
        for start in tqdm(range(0, len(ids), BLOCK), desc="samples", unit="part", disable=not progress):
            _fill(data, heat, attributions.isel(sample=slice(start, start + BLOCK)).load(), start)
    names = store.analyses(source)
    for name in names:
        write_hdf5(store.open_analysis(source, name), target / f"analysis-{name}.h5")
    _describe(target, facts, names, attributions)


def _create(data, heat, attributions: xr.Dataset) -> None:
    """Empty arrays; a sample id is a row of the dataset, and rows of no sample take no space."""
    n, rows = attributions.sizes["sample"], int(attributions.sample.values.max(initial=-1)) + 1
    image, relevance = attributions["image"], attributions["relevance"]
    data.create_dataset("data", (rows, *image.shape[1:]), image.dtype, chunks=(1, *image.shape[1:]))
    data.create_dataset("label", (rows,), np.uint16)
    heat.create_dataset("attribution", (n, *relevance.shape[1:]), np.float32)
    heat.create_dataset("index", data=attributions.sample.values.astype(np.uint32))
    heat.create_dataset("label", (n,), np.uint16)
    heat.create_dataset("prediction", (n, _classes(attributions)), np.float32)


def _fill(data, heat, block: xr.Dataset, start: int) -> None:
    rows, end = block.sample.values, start + block.sizes["sample"]
    for row, image in zip(rows, block["image"].values, strict=True):
        data["data"][int(row)] = image
    label = block["label"].values if "label" in block.variables else np.zeros(len(rows))
    for row, value in zip(rows, label, strict=True):
        data["label"][int(row)] = int(value)
    heat["attribution"][start:end] = block["relevance"].values
    heat["label"][start:end] = label
    heat["prediction"][start:end] = _scores(block, heat["prediction"].shape[1])


def _classes(attributions: xr.Dataset) -> int:
    if "output" in attributions and attributions["output"].ndim == 2:
        return attributions["output"].shape[1]
    return int(attributions["prediction"].values.max(initial=0)) + 1 if "prediction" in attributions.variables else 1


def _scores(block: xr.Dataset, classes: int) -> np.ndarray:
    """Outputs; of a project that has predictions only, 1 for the predicted class."""
    if "output" in block and block["output"].ndim == 2:
        return block["output"].values
    if "prediction" in block.variables:
        return np.equal.outer(block["prediction"].values, np.arange(classes)).astype(np.float32)
    return np.zeros((block.sizes["sample"], classes))


def _describe(target: Path, facts: dict, names: list[str], attributions: xr.Dataset) -> None:
    labels = facts.get("label_names") or [str(at) for at in range(_classes(attributions))]
    entries = [{"index": at, "word_net_id": f"{at:08d}", "name": str(name)} for at, name in enumerate(labels)]
    write_text(target / "label-map.json", json.dumps(entries, indent=1))
    sizes = attributions.sizes
    dataset = {"name": facts.get("dataset") or "dataset", "type": "hdf5", "path": "dataset.h5"}
    dataset |= {"input_width": sizes.get("width", 1), "input_height": sizes.get("height", 1)}
    dataset |= {"up_sampling_method": "none", "down_sampling_method": "none"}
    dataset |= {"label_index_regex": None, "label_word_net_id_regex": None}
    method = {"attribution_method": facts.get("method") or "LRP", "attribution_strategy": "true_label"}
    project = {"name": facts["name"], "model": facts.get("model") or "model", "label_map": "label-map.json"}
    project |= {"dataset": dataset, "attributions": method | {"sources": ["attribution.h5"]}}
    project["analyses"] = [{"analysis_method": name, "sources": [f"analysis-{name}.h5"]} for name in names]
    text = yaml.safe_dump({"project": project}, sort_keys=False, allow_unicode=True)
    write_text(target / "project.yaml", text)
