"""Files of every kind as datasets, read against what was written; what cannot be is said with its place."""

import gzip
import json
import pickle
import struct

import nibabel
import numpy as np
import pandas as pd
import pydicom
import pytest
import torch
from scipy.io import wavfile

import lrp
import spray
from lrp.dataset.reading.readers import READERS
from spray.kinds import KINDS, kind_of
from tests.lrp.dataset.test_options import SMALL

RNG = np.random.default_rng(0)


def linear(x, target):
    """Any function will do in place of an explainer: class c is the sum of what is c of three."""
    values = next(iter(x.values())) if isinstance(x, dict) else x
    flat = values.float().flatten(1)
    output = torch.stack([flat[:, at::3].sum(1) for at in range(3)], 1)
    seed = lrp.explain.target.seed_of(output, target)
    share = seed[:, torch.arange(flat.shape[1]) % 3] * flat
    relevance = share.reshape(values.shape)
    return output, {name: relevance if name == next(iter(x)) else None for name in x} if isinstance(
        x, dict
    ) else relevance


def project(dataset, path, **options):
    lrp.attribute_dataset(linear, dataset, path, **SMALL | options)
    return spray.open_attributions(path)


def csv(path, text="age,mass,ill\n40,70.5,yes\n31,60.0,no\n50,80.0,yes\n"):
    (path / "t.csv").write_text(text)
    return path / "t.csv"


def parquet(path):
    pd.read_csv(csv(path)).to_parquet(path / "t.parquet")
    return path / "t.parquet"


def lines(path, rows):
    (path / "t.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return path / "t.jsonl"


def wav(file, values, rate=8000):
    file.parent.mkdir(parents=True, exist_ok=True)
    wavfile.write(file, rate, values)


def nifti(file, values, voxel=(1.0, 2.0, 3.0)):
    file.parent.mkdir(parents=True, exist_ok=True)
    nibabel.Nifti1Image(values, np.diag([*voxel, 1])).to_filename(file)


def dicom(file, pixels, z, *, series="1.2.3", spacing=(0.5, 0.25), **more):
    file.parent.mkdir(parents=True, exist_ok=True)
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = more.pop("syntax", pydicom.uid.ExplicitVRLittleEndian)
    meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
    meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    head = pydicom.dataset.Dataset()
    head.file_meta, head.SeriesInstanceUID = meta, series
    head.SOPClassUID, head.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    head.Rows, head.Columns = pixels.shape
    head.PixelSpacing, head.ImageOrientationPatient = list(spacing), [1, 0, 0, 0, 1, 0]
    head.ImagePositionPatient = [0, 0, z]
    head.BitsAllocated = head.BitsStored = 16
    head.HighBit, head.PixelRepresentation, head.SamplesPerPixel = 15, 0, 1
    head.PhotometricInterpretation, head.RescaleSlope, head.RescaleIntercept = "MONOCHROME2", 2, -1000
    head.PixelData = pixels.astype("<u2").tobytes()
    for name, value in more.items():
        setattr(head, name, value)
    head.save_as(file, enforce_file_format=True)


def split(text):
    """A tokenizer: the length of each word is its number."""
    return [len(word) for word in text.split()], text.split()


class HuggingFace:
    """As such tokenizers are: a mapping comes out, with a mask."""

    pad_token_id = 9

    def __call__(self, text):
        ids = split(text)[0]
        return {"attention_mask": [1] * len(ids), "input_ids": ids}

    def convert_ids_to_tokens(self, ids):
        return ["x" * number for number in ids]


def test_every_reader_is_of_a_kind_that_there_is():
    assert {reader.kind for reader in READERS.values()} <= KINDS.keys() | {None}


@pytest.mark.parametrize("make", [csv, parquet])
def test_a_table(tmp_path, make):
    dataset = lrp.open_data(make(tmp_path), label="ill", unit={"age": "years"})
    found = project(dataset, tmp_path / "p", target="label")
    np.testing.assert_array_equal(found.image, np.array([[40, 70.5], [31, 60], [50, 80]], "float32"))
    assert kind_of(found.relevance).name == "table" and found.relevance.dims == ("sample", "feature")
    assert found.feature_name.values.tolist() == ["age", "mass"] and found.unit.values.tolist() == ["years", ""]
    assert found.label.values.tolist() == [1, 0, 1]
    assert spray.store.read_project(tmp_path / "p")["label_names"] == ["no", "yes"]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a,b\n1,2\n3,\n,4\n", {}, "row 2, column 'a', is missing: fill the gaps"),
        ("a,b\n1,2\n3,\n5,\n", {}, "row 1, column 'b', is missing, and 1 more in it"),
        ("a,b\n1,red\n3,4\n", {}, "row 0, column 'b', holds 'red', and a feature is a number"),
        ("a,b\n1,2\n3,inf\n", {}, "row 1, column 'b', holds inf, which is no finite float32"),
        ("a,b\n1,2\n3,\n", {"label": "b"}, "row 1, column 'b', has no label"),
        ("a,b\n1,2.5\n3,1\n", {"label": "b"}, r"row 0, column 'b', has the label 2.5: give a whole number or a name"),
        (
            "a,b,c\n1,0,1\n3,2,0\n",
            {"label": ["b", "c"]},
            r"row 1 has the labels \[2.0, 0.0\]: several columns of labels",
        ),
        ("a,b\n1,2\n", {"label": "c"}, "has no column 'c'; it has a, b"),
        ("a,b\n1,2\n", {"text": "b", "features": None, "tokenizer": None}, "is missing|tokens"),
        ("a,b\n", {}, "holds no row"),
        ("a,b\n1,2\n", {"length": 3}, "for texts: say text="),
        ("a\n1\n", {"label": "a"}, "has no column beside a"),
        ("a,b\n1,2,3\n4,5,6,7\n", {}, "cannot be read as a table"),
    ],
)
def test_a_table_that_is_not_as_it_should_be(tmp_path, text, options, message):
    with pytest.raises(ValueError, match=message):
        _ = lrp.open_data(csv(tmp_path, text), **options)[0]


def test_texts_of_json_lines(tmp_path):
    rows = [{"text": "a bb ccc", "label": "film", "year": 1}, {"text": "dd e", "label": "book", "year": 2}]
    options = {"label": "label", "beside": ["year"], "tokenizer": split}
    dataset = lrp.open_data(lines(tmp_path, rows), length=3, pad=0, **options)
    found = project(dataset, tmp_path / "p", target="label")
    assert found.image.values.tolist() == [[1, 2, 3], [2, 1, 0]] and found.image.attrs["kind"] == "text"
    assert found.token_text.values.tolist() == [["a", "bb", "ccc"], ["dd", "e", ""]]
    assert found["mask"].values.tolist() == [[1, 1, 1], [1, 1, 0]] and found.year.values.tolist() == [1, 2]
    assert found.label.values.tolist() == [1, 0] and found.relevance.dims == ("sample", "token")
    with pytest.raises(lrp.SampleError, match=r"sample 1 \(t.jsonl: line 2\) has shape \(2,\), .* say length="):
        project(lrp.open_data(lines(tmp_path, rows), **options), tmp_path / "ragged")
    with pytest.raises(
        lrp.SampleError, match=r"line 2\) cannot be read: ValueError: it has 2 tokens, length is 3: say pad"
    ):
        project(lrp.open_data(lines(tmp_path, rows), length=3, **options), tmp_path / "unfilled")


def test_a_text_in_a_column_and_a_tokenizer_of_several_inputs(tmp_path):
    file = csv(tmp_path, "review,stars\n a bb,1\nccc,0\n")
    dataset = lrp.open_data(file, text="review", label="stars", tokenizer=HuggingFace(), length=2)
    first, label, extra = dataset[1]
    assert {name: values.tolist() for name, values in first.items()} == {"input_ids": [3, 9], "attention_mask": [1, 0]}
    assert label == 0 and extra["token_text"].tolist() == ["xxx", ""]
    found = project(dataset, tmp_path / "p")
    assert found.input_attention_mask.values.tolist() == [[1, 1], [1, 0]] and found.relevance.dims == (
        "sample",
        "token",
    )


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([{"text": ""}], {"tokenizer": split}, "it has no token"),
        ([{"text": "a"}], {}, "a text: say tokenizer="),
        ([{"text": [1, 2], "t": ["a"]}], {"tokens": "t"}, "1 tokens and 2 numbers"),
        ([{"text": "a"}], {"tokenizer": lambda text: [1]}, r"gave a list: return \(ids, tokens\)"),
        ([{"words": "a"}], {"tokenizer": split}, "line 1 has no 'text'; it has words"),
        ([{"text": "a"}, 5], {"tokenizer": split}, "line 2 is a int"),
        (
            [{"text": "a", "y": 1}, {"text": "a", "y": "b"}],
            {"label": "y"},
            "line 2 has the label 'b', others are numbers",
        ),
        ([{"text": "a", "y": [1]}, {"text": "a", "y": 1}], {"label": "y"}, "line 2 has the label 1, others"),
        ([], {}, "holds no line"),
    ],
)
def test_texts_that_are_none(tmp_path, rows, options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        _ = lrp.open_data(lines(tmp_path, rows), **options)[0]


def test_numbers_of_tokens_need_no_tokenizer(tmp_path):
    item, _, extra = lrp.open_data(lines(tmp_path, [{"text": [7, 5]}]))[0]
    assert item.tolist() == [7, 5] and item.dtype == torch.long and extra["token_text"].tolist() == ["7", "5"]


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32"])
def test_sounds(tmp_path, dtype):
    wave = np.clip(np.sin(np.arange(100)[:, None] * [0.1, 0.2]), -0.99, 0.99)
    scale = {"uint8": 128, "int16": 2**15, "int32": 2**31, "float32": 1}[dtype]
    stored = (wave * scale + (128 if dtype == "uint8" else 0)).astype(dtype)
    for name in ("cat/a.wav", "dog/b.WAV"):
        wav(tmp_path / "s" / name, stored)
    dataset = lrp.open_data(tmp_path / "s", length=120)
    found = project(dataset, tmp_path / "p", target="label")
    np.testing.assert_allclose(found.image[0, :, :100], wave.T, atol=2 / min(scale, 2**20) if scale > 1 else 1e-6)
    assert not found.image[0, :, 100:].any() and dataset.classes == ["cat", "dog"]
    assert found.attrs["sampling_rate"] == 8000 and found.image.dims == ("sample", "channel", "time")
    pickle.loads(pickle.dumps(dataset))


def test_sounds_that_are_none_or_differ(tmp_path):
    wav(tmp_path / "a" / "a.wav", np.zeros(50, "int16"))
    wav(tmp_path / "a" / "b.wav", np.zeros(50, "int16"), rate=16000)
    with pytest.raises(ValueError, match=r"a.wav has the sampling rate 8000, b.wav has 16000: resample them to one"):
        lrp.open_data(tmp_path / "a")
    wav(tmp_path / "a" / "b.wav", np.zeros((50, 2), "int16"))
    with pytest.raises(ValueError, match=r"number of channels 1, b.wav has 2"):
        lrp.open_data(tmp_path / "a")
    good = (tmp_path / "a" / "a.wav").read_bytes()
    at = good.index(b"data") + 4
    for content, message in {
        good[:at]
        + struct.pack("<I", 2**31)
        + good[at + 4 :]: "declares 2147483648 bytes of b'data' and has 100: it is cut",
        good[:20]: "cut|ends before",
        b"no sound at all": "does not begin as one",
        good[:at] + struct.pack("<I", 0): "holds no sound",
    }.items():
        (tmp_path / "a" / "b.wav").write_bytes(content)
        with pytest.raises(ValueError, match=message):
            lrp.open_data(tmp_path / "a")


def test_a_constant_channel_and_one_step_in_time(tmp_path):
    wav(tmp_path / "s" / "a.wav", np.zeros((1, 2), "float32"))
    wav(tmp_path / "s" / "b.wav", np.ones((1, 2), "float32"))
    found = project(lrp.open_data(tmp_path / "s"), tmp_path / "p")
    assert found.image.shape == (2, 2, 1) and found.image[1].values.tolist() == [[1], [1]]


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_nifti(tmp_path, suffix):
    values = RNG.normal(size=(5, 4, 3)).astype("float32")
    for name in ("sick/a", "well/b"):
        nifti(tmp_path / "n" / f"{name}{suffix}", values)
    dataset = lrp.open_data(tmp_path / "n")
    found = project(dataset, tmp_path / "p", target="label")
    np.testing.assert_array_equal(found.image[0, 0], values.transpose(2, 1, 0))
    assert json.loads(found.attrs["voxel_size"]) == [3, 2, 1] and dataset.classes == ["sick", "well"]
    assert kind_of(found.relevance).name == "volume"
    nifti(tmp_path / "n" / f"c{suffix}", values, voxel=(1, 1, 1))
    with pytest.raises(ValueError, match=r"voxel size \(1.0, 1.0, 1.0\), sick/a.* has \(3.0, 2.0, 1.0\)"):
        lrp.open_data(tmp_path / "n")
    nifti(tmp_path / "n" / f"c{suffix}", values, voxel=(-1, 2, 3))
    with pytest.raises(ValueError, match=r"has the orientation LAS, sick/a.* has RAS: turn them to one"):
        lrp.open_data(tmp_path / "n")


def test_nifti_of_one_slice_and_files_that_lie(tmp_path):
    nifti(tmp_path / "n" / "a.nii", np.ones((4, 5, 1), "int16"))
    assert lrp.open_data(tmp_path / "n")[0][0].shape == (1, 1, 5, 4)
    head = bytearray((tmp_path / "n" / "a.nii").read_bytes())
    head[40:48] = struct.pack("<4h", 3, 32767, 32767, 32767)
    for name, content in {"b.nii": bytes(head), "b.nii.gz": gzip.compress(bytes(head))}.items():
        (tmp_path / "n" / name).write_bytes(content)
        with pytest.raises(ValueError, match=r"b.nii.*: .* GB asked for at once"):
            lrp.open_data(tmp_path / "n")
        (tmp_path / "n" / name).unlink()
    (tmp_path / "n" / "b.nii").write_bytes(bytes(head[:100]))
    with pytest.raises(ValueError, match=r"b.nii is no NIfTI file"):
        lrp.open_data(tmp_path / "n")


def test_dicom_series(tmp_path):
    pixels = RNG.integers(0, 4000, (4, 6, 5))
    for series in ("sick/one", "well/two"):
        for number in (2, 0, 3, 1):  # of whatever names, slices lie in the order of their places
            dicom(
                tmp_path / "d" / series / f"{9 - number}.dcm",
                pixels[number],
                1.5 * number,
                series="1.1" if "one" in series else "1.2",
            )
    dataset = lrp.open_data(tmp_path / "d")
    found = project(dataset, tmp_path / "p", target="label")
    np.testing.assert_allclose(found.image[0, 0], 2.0 * pixels - 1000)
    assert json.loads(found.attrs["voxel_size"]) == [1.5, 0.5, 0.25] and dataset.classes == ["sick", "well"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"z": 9.0}, r"slices are 1.5 mm apart, .*1.dcm and 2.dcm are 7.5 mm: slices are missing"),
        (
            {"series": "9"},
            "SeriesInstanceUID 9|has the SeriesInstanceUID 1.2.3, .*2.dcm has 9: give each series a folder",
        ),
        ({"spacing": (1, 1)}, "PixelSpacing"),
        ({"syntax": "1.2.840.10008.1.2.1.99"}, "2.dcm is no slice that can be read: it is deflated"),
        ({"PixelSpacing": None, "ImagePositionPatient": None}, "2.dcm"),
    ],
)
def test_dicom_that_is_no_volume(tmp_path, change, message):
    pixels = np.zeros((6, 5))
    for number in range(2):
        dicom(tmp_path / "d" / "s" / f"{number}.dcm", pixels, 1.5 * number)
    dicom(tmp_path / "d" / "s" / "2.dcm", pixels, **{"z": 3.0} | change)
    with pytest.raises((ValueError, TypeError), match=message):
        lrp.open_data(tmp_path / "d")


def test_dicom_of_one_slice(tmp_path):
    dicom(tmp_path / "d" / "s" / "0.dcm", np.zeros((6, 5)), 0.0)
    with pytest.raises(ValueError, match="holds one slice, which does not say its SliceThickness"):
        lrp.open_data(tmp_path / "d")
    dicom(tmp_path / "d" / "s" / "0.dcm", np.zeros((6, 5)), 0.0, SliceThickness=3)
    dataset = lrp.open_data(tmp_path / "d")
    assert dataset[0][0].shape == (1, 1, 6, 5) and dataset.beside["voxel_size"] == [3, 0.5, 0.25]
    (tmp_path / "d" / "s" / "1.dcm").write_bytes(b"none")
    with pytest.raises(ValueError, match=r"1.dcm is no slice that can be read"):
        lrp.open_data(tmp_path / "d")


def write(file, arrays, dims):
    if file.suffix == ".npz":
        np.savez(file, **arrays)
    elif file.suffix == ".h5":
        import h5py

        with h5py.File(file, "w") as group:
            group.update({name: np.char.encode(a) if a.dtype.kind == "U" else a for name, a in arrays.items()})
    elif file.suffix == ".zarr":
        import zarr

        group = zarr.open_group(str(file), mode="w")
        for name, array in arrays.items():
            if dims[name] in ((), ("channel",)):
                group.attrs[name] = array.tolist()
            else:
                group[name] = array
    else:
        import xarray as xr

        xr.Dataset({name: (dims[name], array) for name, array in arrays.items()}).to_netcdf(file, engine="netcdf4")
    return file


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".nc", ".zarr"])
def test_arrays_with_what_stands_beside_them(tmp_path, suffix):
    arrays = {
        "data": RNG.normal(size=(4, 2, 9)).astype("float32"),
        "labels": np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1]], "uint8"),
        "channel_name": np.array(["left", "right"]),
        "sampling_rate": np.array(250.0),
        "patient": np.arange(4),
    }
    dims = dict.fromkeys(arrays, ()) | {"channel_name": ("channel",), "patient": ("sample",)}
    dims |= {"data": ("sample", "channel", "time"), "labels": ("sample", "class")}
    dataset = lrp.open_data(write(tmp_path / f"a{suffix}", arrays, dims), kind=None if suffix == ".nc" else "signal")
    found = project(dataset, tmp_path / "p", target="label")
    np.testing.assert_array_equal(found.image, arrays["data"])
    assert found.image.dims == ("sample", "channel", "time") and found.attrs["sampling_rate"] == 250
    assert found.channel_name.values.tolist() == ["left", "right"]
    assert found.patient.values.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(found["labels"], arrays["labels"])


def test_several_labels_each_with_its_relevance(tmp_path):
    labels = [frozenset({0, 2}), frozenset(), frozenset({1}), frozenset({0, 1, 2})]
    x = torch.randn(4, 6)
    dataset = [(x[at], set(label)) for at, label in enumerate(labels)]
    found = project(dataset, tmp_path / "p", target="label", label_names=["a", "b", "c"], keep=lrp.Kept(kind="table"))
    one = [linear(x, c)[1].numpy() for c in range(3)]
    assert found.explained.values.tolist() == [[0, 2, -1], [-1, -1, -1], [1, -1, -1], [0, 1, 2]]
    assert found.label.values.tolist() == [-1, -1, 1, -1] and found.target.values.tolist() == [-1, -1, 1, -1]
    assert found["labels"].values.tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1]]
    for sample, label in enumerate(labels):
        np.testing.assert_allclose(
            found.relevance[sample], sum((one[c][sample] for c in label), np.zeros(6)), rtol=1e-6
        )
        for rank, c in enumerate(sorted(label)):
            np.testing.assert_allclose(found.relevance_each[sample, rank], one[c][sample], rtol=1e-6)
        assert not found.relevance_each[sample, len(label) :].values.any()


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        ([{0}, {5}], list("abc"), "class 5 does not exist"),
        ([{0}, 1], list("abc"), r"sample 1 has the label 1, sample 0 \{0\}: give all of them sets"),
        ([{0, 1}, {1}], [], "up to 2 labels, and at most 0 are said"),
        ([{0, 1.5}], list("abc"), "the label 1.5"),
        ([[0, 1]], list("abc"), r"the label \[0, 1\]: give one integer, or of several labels a set"),
    ],
)
def test_several_labels_that_are_none(tmp_path, labels, names, message):
    dataset = [(torch.zeros(6), label) for label in labels]
    with pytest.raises((ValueError, IndexError, lrp.SampleError), match=message):
        project(dataset, tmp_path / "p", target="label", label_names=names, keep=lrp.Kept(kind="table"))


def test_folders_of_several_kinds_and_options_that_are_none(tmp_path):
    wav(tmp_path / "f" / "a.wav", np.zeros(5, "int16"))
    nifti(tmp_path / "f" / "b.nii", np.zeros((2, 2, 2), "int16"))
    with pytest.raises(ValueError, match=r"holds 1 of kind .*, 1 of kind .*: say kind="):
        lrp.open_data(tmp_path / "f")
    assert lrp.open_data(tmp_path / "f", kind="volume")[0][0].shape == (1, 2, 2, 2)
    with pytest.raises(ValueError, match=r"a.wav is no folder .*: give the folder it lies in"):
        lrp.open_data(tmp_path / "f" / "a.wav")
    with pytest.raises(TypeError, match=r"is not read with size: its options are length"):
        lrp.open_data(tmp_path / "f", kind="signal", size=3)
    with pytest.raises(ValueError, match="holds samples of kind table, not image"):
        lrp.open_data(csv(tmp_path), kind="image")


def test_a_missing_library_is_named_with_its_extra(tmp_path, monkeypatch):
    nifti(tmp_path / "f" / "b.nii", np.zeros((2, 2, 2), "int16"))
    monkeypatch.setitem(__import__("sys").modules, "nibabel", None)
    with pytest.raises(ValueError, match=r"needs nibabel: pip install 'lrp-spray\[scans\]'"):
        lrp.open_data(tmp_path / "f")


def test_mixed_sizes_are_named(tmp_path):
    images = [torch.zeros(1, 4, 4)] * 5 + [torch.zeros(1, 4, 5)]
    with pytest.raises(
        lrp.SampleError, match=r"sample 5 has shape \(1, 4, 5\), sample 0 has \(1, 4, 4\): resize or crop"
    ):
        project(images, tmp_path / "p", keep=lrp.Kept(kind="image"))  # in another batch than the first


def test_a_path_is_a_dataset(tmp_path):
    assert project(csv(tmp_path, "a,b\n1,2\n"), tmp_path / "p").image.values.tolist() == [[1, 2]]
