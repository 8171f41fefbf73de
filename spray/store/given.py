"""A project from anybody's arrays: attributions made by Captum, SHAP, Zennit or a paper's code, in one call."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import xarray as xr

from spray.files import ProjectError
from spray.kinds import kind_of
from spray.store.categories import save_analysis
from spray.store.facts import Place, write_project
from spray.store.labelled import columns, fact, labelled, named_axis, numbers, plain, texts
from spray.store.netcdf import affordable
from spray.store.parts import parts, write_part

ROWS, BYTES = 4096, 1 << 28  # of a part, at most: samples, and what they take
OWN = {"sample", "image", "relevance", "token_text", "mask", "part", "row"}
"""Names that the format gives to variables."""
GIVEN = "given"
"""Name of the analysis that holds what was made elsewhere."""
TAKEN = {"cluster", "clustering", "eigenvalue", "neighbor", "distance", "output", "sample"}
"""Names that mean something else in an analysis."""


def write_arrays(
    path: Place,
    *,
    relevance: Any = None,
    inputs: Any = None,
    embedding: Any = None,
    clustering: Any = None,
    label: Any = None,
    prediction: Any = None,
    output: Any = None,
    kind: str | None = None,
    dims: Sequence[str] | None = None,
    sample: Any = None,
    token: Sequence[Sequence[str]] | None = None,
    feature_name: Sequence[str] | None = None,
    channel_name: Sequence[str] | None = None,
    unit: Any = None,
    sampling_rate: float | None = None,
    voxel_size: Sequence[float] | None = None,
    label_names: Sequence[str] = (),
    name: str | None = None,
    method: str = "",
    model: str = "",
    **per_sample: Any,
) -> Path:
    """Write a project of arrays that you have; then `spray analyse` and `lrp-viewer` work as on any other.

    Args:
        path: A new folder.
        relevance: `(sample, ...)`: NumPy, torch, xarray or a DataFrame; of texts of different lengths a list of
            sequences, one number a token. Several methods as a dict by their names. Not needed where there is an
            embedding.
        embedding: `(sample, axis)`, made elsewhere, to be looked at as it is; several as a dict by their names.
        clustering: An integer for each sample, -1 for none; several as a dict by their names. Needs an embedding.
        inputs: What was explained, of the same samples.
        label, prediction: A number or a name for each sample.
        output: `(sample, class)`, of the model.
        kind: One of `spray.kinds.KINDS`. Not needed for an xarray array whose dimensions say it, nor for a DataFrame.
        dims: Names of the axes behind `sample`, where they are not those of the kind in its own order (channels last,
            say).
        sample: Integer ids; by default 0, 1, ...
        token: Of texts, the tokens of each sample.
        feature_name, channel_name: Names along that axis.
        unit: Of a signal, or of each feature of a table.
        sampling_rate: Of a signal, in hertz.
        voxel_size: Of a volume, depth, height and width in millimetres.
        label_names: Name of each class, where labels are numbers.
        name, method, model: For people to read.
        per_sample: Further numbers or names of each sample, `font=...`: what clusters can be told by.

    Returns:
        The project's folder.

    Raises:
        ProjectError: Something does not fit; the message names the argument, what it is, and what is asked for.

    Example:
        >>> import tempfile
        >>> folder = write_arrays(tempfile.mkdtemp() + "/ecg", relevance=np.ones((6, 12, 500)), kind="signal",
        ...                       label=[0, 0, 0, 1, 1, 1], channel_name=[f"V{n}" for n in range(12)])
        >>> from spray.store import open_attributions
        >>> dict(open_attributions(folder).relevance.sizes)
        {'sample': 6, 'channel': 12, 'time': 500}
    """
    folder = Path(path)
    if (folder / "project.json").exists():
        raise ProjectError(f"{folder} is a project already: give a new folder, or remove that one")
    if relevance is None and embedding is None:
        raise ProjectError("there is neither relevance nor an embedding: give one of them, or both")
    feature_name = feature_name if feature_name is not None else columns(inputs, relevance)
    tokens, mask = texts(token)
    lengths = None if mask is None else mask.sum(1, dtype=int)
    methods = {} if relevance is None else dict(relevance) if isinstance(relevance, Mapping) else {method: relevance}
    if not methods and relevance is not None:
        raise ProjectError("relevance is an empty dict: give at least one method's array")
    arrays: dict[str, xr.DataArray] = {}
    for number, (called, given) in enumerate(methods.items()):
        variable = f"relevance_{called}" if number else "relevance"
        found = labelled(variable, given, kind, dims, lengths, feature_name)
        arrays[variable] = found.assign_attrs({"method": called} if called else {})
    if inputs is not None:
        arrays["image"] = labelled("inputs", inputs, kind, dims, lengths, None, finite=False)
    maps = _maps(embedding)
    if not methods:
        arrays["embedding"] = next(iter(maps.values())).rename(axis="axis_0").assign_attrs(kind="none")
    first = next(arrays[key] for key in ("relevance", "image", "embedding") if key in arrays)
    count, chosen = first.sizes["sample"], kind_of(first)
    said = {"feature_name": ("feature", feature_name), "channel_name": ("channel", channel_name)}
    coords = {key: named_axis(first, chosen, key, *found) for key, found in said.items() if found[1] is not None}
    if unit is not None and not isinstance(unit, str):
        coords["unit"] = named_axis(first, chosen, "unit", "feature", unit)
    if tokens is not None:
        axis = next((str(dim) for dim in first.dims if chosen.named(str(dim)) == "token"), None)
        if axis is None:
            raise ProjectError(f"token is for texts; these are {chosen}: give relevance or inputs, a number each token")
        arrays["token_text"] = xr.DataArray(tokens, dims=["sample", axis])
        arrays["mask"] = xr.DataArray(mask, dims=["sample", axis])
    facts = {"label": label, "prediction": prediction, **per_sample}
    for key in per_sample.keys() & OWN:
        raise ProjectError(f"{key!r} is a name of the format's own: call that variable otherwise")
    for key, values in facts.items():
        if values is not None:
            arrays[key] = fact(key, values)
    if output is not None:
        arrays["output"] = xr.DataArray(numbers("output", output, finite=False), dims=["sample", "class"])
    analysis = _analysis(maps, clustering)
    name_of = "relevance" if methods else "the embedding"
    for key, array in [*arrays.items(), *analysis.data_vars.items()]:
        if array.sizes["sample"] != count:
            raise ProjectError(f"{key} has {array.sizes['sample']} samples, {name_of} has {count}")
    ids = np.arange(count) if sample is None else np.asarray(plain(sample))
    whole = xr.Dataset(arrays, {"sample": ids, **coords})
    extra: dict[str, Any] = {"sampling_rate": sampling_rate, "unit": unit if isinstance(unit, str) else None}
    extra["voxel_size"] = None if voxel_size is None else [float(length) for length in voxel_size]
    extra = {key: value for key, value in extra.items() if value is not None}
    write_project(
        folder, name=name or folder.name, model=model, method=next(iter(methods), ""), label_names=label_names, **extra
    )
    rows = max(1, min(ROWS, BYTES * count // max(1, whole.nbytes)))
    for part, start in enumerate(range(0, count, rows)):
        write_part(folder, part, whole.isel(sample=slice(start, start + rows)))
    if maps:
        save_analysis({"all": analysis.assign_coords(sample=ids)}, folder, name=GIVEN)
    assert parts(folder)
    return folder


def _maps(embedding: Any) -> dict[str, xr.DataArray]:
    """Name -> `(sample, axis)`."""
    given = {} if embedding is None else embedding if isinstance(embedding, Mapping) else {"embedding": embedding}
    found = {}
    for name, values in given.items():
        array = numbers(f"embedding {name!r}", values, finite=True)
        if array.ndim != 2 or not array.shape[1]:
            raise ProjectError(f"embedding {name!r} has the shape {array.shape}: give (sample, axis)")
        if name in TAKEN:
            raise ProjectError(f"{name!r} is no name for an embedding: it means something else in an analysis")
        found[str(name)] = xr.DataArray(array, dims=["sample", "axis"])
    return found


def _analysis(maps: Mapping[str, xr.DataArray], clustering: Any) -> xr.Dataset:
    """What was made elsewhere, as an analysis of all samples."""
    found = xr.Dataset({name: array.rename(axis=f"{name}_axis") for name, array in maps.items()})
    if clustering is None:
        return found
    if not maps:
        raise ProjectError("clustering needs an embedding to be shown in: give embedding= too, or `spray analyse`")
    given = clustering if isinstance(clustering, Mapping) else {"given": clustering}
    groups = {str(name): np.asarray(plain(values)) for name, values in given.items()}
    for name, values in groups.items():
        if values.ndim != 1 or values.dtype.kind not in "iu":
            raise ProjectError(
                f"clustering {name!r} has the shape {values.shape} and holds {values.dtype}: give an integer for each "
                "sample, -1 for none; names of groups go along as an argument of their own, group=..."
            )
        if len(values) != next(iter(maps.values())).sizes["sample"]:
            raise ProjectError(f"clustering {name!r} has {len(values)} samples, the embedding has another number")
    stacked = xr.DataArray(np.stack(list(groups.values())).astype(np.int32), dims=["clustering", "sample"])
    return found.assign(cluster=stacked.assign_coords(clustering=list(groups)))


WORDS = {"kind", "name", "method", "model", "unit"}
"""Arguments that are one text."""


def read_arrays(file: Place) -> dict[str, Any]:
    """What a file of `numpy.savez` holds, as arguments of `write_arrays`.

    Raises:
        ProjectError: It is no such file, or holds Python objects, which are not read.

    Example:
        >>> import tempfile
        >>> file = tempfile.mkdtemp() + "/found.npz"
        >>> np.savez(file, relevance=np.ones((2, 3)), kind="table", font=["serif", "mono"])
        >>> read_arrays(file)["kind"], read_arrays(file)["font"].tolist()
        ('table', ['serif', 'mono'])
    """
    arrays = npz(Path(file))
    return {key: str(value) if key in WORDS and value.ndim == 0 else value for key, value in arrays.items()}


def npz(file: Path) -> dict[str, np.ndarray]:
    """All arrays of a file of `numpy.savez`, if this computer has memory for them.

    Raises:
        ProjectError: It is no such file, holds Python objects, or declares more than fits.
    """
    try:
        with ZipFile(file) as packed:
            affordable(sum(entry.file_size for entry in packed.infolist()))
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as found:
            return {str(key): found[key] for key in found.files}
    except OSError as error:
        raise ProjectError(f"{file} cannot be read: {error.strerror or error}") from error
    except ProjectError:
        raise
    except (ValueError, AttributeError, TypeError, BadZipFile) as error:
        raise ProjectError(f"{file} is no file of numpy.savez, or holds Python objects, which are not read") from error
