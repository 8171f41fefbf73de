"""A project from anybody's arrays: attributions made by Captum, SHAP, Zennit or a paper's code, in one call."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import xarray as xr

from spray.files import ProjectError
from spray.kinds import KINDS, Kind, kind_of
from spray.store import tokens
from spray.store.netcdf import affordable
from spray.store.project import Place, parts, write_part, write_project

ROWS = 4096  # samples in a part
OWN = {"sample", "image", "relevance", "token_text", "mask", "part", "row"}
"""Names that the format gives to variables."""


def write_arrays(
    path: Place,
    *,
    relevance: Any,
    inputs: Any = None,
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
            sequences, one number a token. Several methods as a dict by their names.
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
    feature_name = feature_name if feature_name is not None else _columns(inputs, relevance)
    lengths = None if token is None else [len(text) for text in token]
    texts = None if token is None else tokens.texts(token)
    methods = dict(relevance) if isinstance(relevance, Mapping) else {method: relevance}
    if not methods:
        raise ProjectError("relevance is an empty dict: give at least one method's array")
    arrays: dict[str, xr.DataArray] = {}
    for number, (called, given) in enumerate(methods.items()):
        variable = f"relevance_{called}" if number else "relevance"
        found = _labelled(variable, given, kind, dims, lengths, feature_name)
        arrays[variable] = found.assign_attrs({"method": called} if called else {})
    first = arrays["relevance"]
    count, chosen = first.sizes["sample"], kind_of(first)
    if inputs is not None:
        arrays["image"] = _labelled("inputs", inputs, kind, dims, lengths, None, finite=False)
    said = {"feature_name": ("feature", feature_name), "channel_name": ("channel", channel_name)}
    coords = {key: _named_axis(first, chosen, key, *found) for key, found in said.items() if found[1] is not None}
    if unit is not None and not isinstance(unit, str):
        coords["unit"] = _named_axis(first, chosen, "unit", "feature", unit)
    if texts is not None and lengths is not None:
        for variable in [name for name in arrays if name != "image"]:
            tokens.check_ends(variable, arrays[variable].values, lengths)
        axis = next(str(dim) for dim in first.dims if chosen.named(str(dim)) == "token")
        arrays["token_text"] = xr.DataArray(texts, dims=["sample", axis])
        arrays["mask"] = xr.DataArray((texts != "").astype(np.uint8), dims=["sample", axis])
    facts = {"label": label, "prediction": prediction, **per_sample}
    for key in per_sample.keys() & OWN:
        raise ProjectError(f"{key!r} is a name of the format's own: call that variable otherwise")
    for key, values in facts.items():
        if values is not None:
            arrays[key] = _fact(key, values)
    if output is not None:
        arrays["output"] = xr.DataArray(_numbers("output", output, finite=False), dims=["sample", "class"])
    for key, array in arrays.items():
        if array.sizes["sample"] != count:
            raise ProjectError(f"{key} has {array.sizes['sample']} samples, relevance has {count}")
    ids = np.arange(count) if sample is None else np.asarray(_plain(sample))
    whole = xr.Dataset(arrays, {"sample": ids, **coords})
    extra: dict[str, Any] = {key: value for key, value in {"sampling_rate": sampling_rate}.items() if value is not None}
    if isinstance(unit, str):
        extra["unit"] = unit
    write_project(
        folder, name=name or folder.name, model=model, method=next(iter(methods)), label_names=label_names, **extra
    )
    for part, start in enumerate(range(0, count, ROWS)):
        write_part(folder, part, whole.isel(sample=slice(start, start + ROWS)))
    assert parts(folder)
    return folder


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


def _labelled(
    name: str,
    given: Any,
    kind: str | None,
    dims: Sequence[str] | None,
    lengths: Sequence[int] | None,
    columns: Sequence[str] | None,
    *,
    finite: bool = True,
) -> xr.DataArray:
    """An array whose axes have names, and whose kind is certain."""
    if lengths is not None and not hasattr(given, "shape"):
        given = tokens.filled(name, [_plain(row) for row in given], lengths)
    values = _numbers(name, given, finite, columns)
    if values.ndim < 2:
        raise ProjectError(
            f"{name} has the shape {values.shape}: give (sample, ...), at least one axis behind the samples"
        )
    if kind is not None and kind not in KINDS:
        raise ProjectError(f"kind is {kind!r}: give one of {', '.join(KINDS)}")
    if isinstance(given, xr.DataArray) and dims is None:
        axes = tuple(map(str, given.dims[1:]))
        if given.dims[0] != "sample":
            raise ProjectError(f"{name} has the dimensions {given.dims}: the first one must be 'sample'")
    elif dims is not None:
        axes = tuple(dims)
    else:
        chosen = kind or (
            "table" if columns is not None or hasattr(given, "columns") else "text" if lengths is not None else None
        )
        axes = _axes(name, values, KINDS[chosen] if chosen else None)
    if len(axes) != values.ndim - 1:
        raise ProjectError(f"{name} has {values.ndim - 1} axes behind the samples {values.shape}, dims name {axes}")
    found = xr.DataArray(values, dims=["sample", *axes], name=name, attrs={} if kind is None else {"kind": kind})
    try:
        return found.assign_attrs(kind=kind_of(found).name)
    except ValueError as error:
        raise ProjectError(str(error)) from error


def _axes(name: str, values: np.ndarray, kind: Kind | None) -> tuple[str, ...]:
    """The axes of a kind in its own order, for an array that says nothing."""
    if kind is None:
        raise ProjectError(
            f"{name} has the shape {values.shape}, which may be anything: say kind=, one of {', '.join(KINDS)}; "
            "or dims="
        )
    rank = values.ndim - 1
    if kind.name == "none":
        return tuple(f"axis_{at}" for at in range(rank))
    if rank == len(kind.places):
        return kind.places
    if rank != len(kind.places) + len(kind.lead):
        raise ProjectError(f"{name} has the shape {values.shape}, a sample of kind {kind} has other axes: say dims=")
    if kind.name == "image" and values.shape[1] > 4 >= values.shape[-1]:
        raise ProjectError(
            f"{name} has the shape {values.shape}, which looks like channels last: say dims=('height', 'width', "
            "'channel'), or transpose it to (sample, channel, height, width)"
        )
    return (*kind.lead, *kind.places)


def _plain(given: Any) -> Any:
    """NumPy's, of what torch, pandas and xarray have."""
    if hasattr(given, "detach"):
        given = given.detach().cpu()
        given = given.float() if str(given.dtype) == "torch.bfloat16" else given
        return given.numpy()
    return given.to_numpy() if hasattr(given, "to_numpy") else given


def _numbers(name: str, given: Any, finite: bool, columns: Sequence[str] | None = None) -> np.ndarray:
    try:
        values = np.asarray(_plain(given))
    except ValueError as error:
        raise ProjectError(f"{name} is ragged ({error}): give equal shapes, or token= for texts") from error
    if values.dtype.kind not in "fiub":
        raise ProjectError(f"{name} holds {values.dtype}: give real numbers")
    if finite and values.dtype.kind == "f" and values.size:
        bad = np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(1)) if values.ndim else []
        if len(bad):
            some = ", ".join(map(str, bad[:5])) + (", ..." if len(bad) > 5 else "")
            raise ProjectError(
                f"{name} has numbers that are not finite in the samples at {some}{_in_columns(values, columns)}: leave "
                "them out, or fill them in before the model"
            )
    if not len(values):
        raise ProjectError(f"{name} has no samples")
    return values.astype(np.float32) if values.dtype == np.float64 else values


def _in_columns(values: np.ndarray, names: Sequence[str] | None) -> str:
    """Which columns of a table hold what is not finite."""
    if values.ndim != 2 or names is None or len(names) != values.shape[1]:
        return ""
    at = np.flatnonzero(~np.isfinite(values).all(0))
    return f", columns {', '.join(str(names[column]) for column in at[:5])}" + (", ..." if len(at) > 5 else "")


def _columns(*given: Any) -> Sequence[str] | None:
    """Names of the columns of a DataFrame."""
    return next((list(map(str, one.columns)) for one in given if hasattr(one, "columns")), None)


def _named_axis(first: xr.DataArray, kind: Kind, key: str, axis: str, names: Any) -> tuple[str, np.ndarray]:
    own = next((str(dim) for dim in first.dims if kind.named(str(dim)) == axis), None)
    if own is None:
        raise ProjectError(f"{key} is for samples with the axis {axis}; these are {kind}")
    if len(names) != first.sizes[own]:
        raise ProjectError(f"{key} has {len(names)} names, the axis {own} has {first.sizes[own]}")
    return own, np.array(list(map(str, names)), dtype=str)


def _fact(key: str, values: Any) -> xr.DataArray:
    """A number or a name for each sample."""
    found = np.asarray(_plain(values))
    if found.ndim != 1:
        raise ProjectError(f"{key} has the shape {found.shape}: give one number or name for each sample")
    if key in ("label", "prediction") and found.dtype.kind == "f":
        raise ProjectError(f"{key} holds {found.dtype}: give integers or names, since each is a category")
    if found.dtype.kind == "O":
        if not all(isinstance(value, str) for value in found):
            raise ProjectError(f"{key} holds objects of several types: give numbers or texts")
        found = found.astype(str)
    if found.dtype.kind not in "fiubU":
        raise ProjectError(f"{key} holds {found.dtype}: give numbers or texts")
    return xr.DataArray(found, dims=["sample"])
