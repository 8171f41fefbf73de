"""What a project keeps of hidden layers: found by recipes and commands, references by hand, directions by formula."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

import spray
from spray import cli, store
from spray.concepts import reference
from spray.concepts.layers import kept_layers


def attributions(n=120, channels=6, layers=("4",), seed=0):
    """Channel 2 carries what half of class 1 has; ids are neither sorted nor dense."""
    rng = np.random.default_rng(seed)
    ids, label = rng.permutation(10 * n)[:n], np.arange(n) % 2
    planted = (label == 1) & (rng.random(n) < 0.5)
    data = {"image": (("sample", "channel", "height", "width"), rng.random((n, 3, 8, 8), np.float32))}
    field = {"field": "[null, [0, [0, 2, 4], [4, 6, 8]], [1, [0, 2, 4], [4, 6, 8]]]"}
    for layer in layers:
        values = rng.normal(size=(n, channels)).astype(np.float32)
        values[planted, 2] += 8
        dims = ("sample", f"channel_{layer}")
        data |= {f"concept_{layer}": (dims, values), f"hidden_magnitude_{layer}": (dims, np.abs(values))}
        data[f"where_peak_{layer}"] = (dims, rng.integers(9, size=values.shape).astype(np.int32), field)
    data["relevance"] = (data["image"][0], rng.normal(size=(n, 3, 8, 8)).astype(np.float32))
    coords = {"sample": ids, "label": ("sample", label), "planted": ("sample", planted.astype(int))}
    return xr.Dataset(data, coords)


def project(path, data):
    store.write_project(path, name="planted")
    for number, rows in enumerate(np.array_split(np.arange(data.sizes["sample"]), 3)):
        store.write_part(path, number, data.isel(sample=rows))
    return path


def run(capsys, *words):
    try:
        cli.main([str(word) for word in words])
        code = 0
    except SystemExit as end:
        code = end.code
    out = capsys.readouterr()
    return out.out, out.err, code


def test_recipes_find_their_layer_from_the_shell(capsys, tmp_path):
    path = project(tmp_path / "p", attributions())
    for recipe in ("concept", "pcx"):
        options = ["--embedding", "pca"] if recipe == "concept" else []
        _, err, code = run(capsys, "analyse", path, "--recipe", recipe, *options)
        assert code == 0, err
        found = spray.open_analysis(path, recipe)["1"]
        planted = spray.open_attributions(path).planted.sel(sample=found.sample.values).values
        labels = found.cluster.values
        agreement = max(max(np.mean((row == k) == planted) for k in np.unique(row)) for row in labels)
        assert agreement > 0.95
    bic = spray.open_analysis(path, "pcx")["1"].bic
    assert int(bic.candidate[np.argmin(bic.values)]) == len(np.unique(labels)) == 2
    _, err, code = run(capsys, "analyse", path, "--recipe", "pcx", "--layer", "5", "--name", "other")
    assert code == 1 and "no layer '5' is kept, there are 4" in err
    _, err, code = run(capsys, "analyse", path, "--recipe", "pcx", "--statistic", "max", "--name", "other")
    assert code == 1 and "no 'max' of layer 4 is kept, there are relevance, magnitude" in err


def test_several_layers_are_named_and_one_that_was_asked_for_is_taken():
    two = attributions(layers=("4", "block.relu_1"))
    with pytest.raises(ValueError, match=r"layers 4, block\.relu_1 are kept: say which, by --layer"):
        spray.concept_values(two)
    assert spray.concept_values(two, layer="block.relu_1").attrs["layer"] == "block.relu_1"
    asked = two.drop_vars("concept_4")
    assert spray.concept_values(asked).attrs["layer"] == "block.relu_1"
    assert list(kept_layers(asked)) == ["block.relu_1", "4"]
    with pytest.raises(ValueError, match="no hidden layer is kept"):
        spray.concept_values(two[["relevance"]])
    dense = two[["concept_4", "hidden_magnitude_4"]]
    np.testing.assert_array_equal(spray.concept_values(dense, statistic="peak"), two.concept_4)
    with pytest.raises(ValueError, match="either the variable"):
        spray.recipes.pcx(layer="4", variable="concept_4")


@pytest.mark.parametrize("per", [None, "label"])
@pytest.mark.parametrize("normalized", [True, False])
def test_references_are_those_of_a_sort(monkeypatch, per, normalized):
    monkeypatch.setattr("spray.concepts.reference.ROWS", 17)
    data = attributions()
    values = data.concept_4.values / (np.abs(data.concept_4.values).sum(1, keepdims=True) if normalized else 1)
    found = spray.references(data, count=5, per=per, normalized=normalized)
    for key in [None] if per is None else [0, 1]:
        rows = np.arange(len(values)) if key is None else np.flatnonzero(data.label.values == key)
        one = found if key is None else found.sel(label=key)
        order = rows[np.argsort(-values[rows], axis=0, kind="stable")[:5]]
        np.testing.assert_array_equal(one.reference.values, data.sample.values[order].T)
        np.testing.assert_allclose(one.value.values, np.take_along_axis(values, order, 0).T, rtol=1e-6)
        np.testing.assert_array_equal(one.place, np.take_along_axis(data.where_peak_4.values, order, 0).T)
    few = spray.references(data.isel(sample=slice(0, 3)), count=5, channels=[4])
    assert few.reference.shape == (1, 5) and (few.reference.values[:, 3:] == -1).all() and few.value.isnull().sum() == 2
    for wrong, message in (
        ({"channels": [6]}, "has 6 channels"),
        ({"count": 0}, "count must be"),
        ({"per": "age"}, "no coord"),
    ):
        with pytest.raises(ValueError, match=message):
            spray.references(data, **wrong)


@given(st.integers(1, 60), st.integers(1, 5), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_of_equal_values_the_first_are_references_and_what_is_no_number_is_none(n, channels, count, seed):
    rng = np.random.default_rng(seed)
    values = np.where(rng.random((n, channels)) < 0.2, np.nan, rng.integers(0, 4, (n, channels))).astype(np.float32)
    data = xr.Dataset({"concept_4": (("sample", "channel_4"), values)}, {"sample": np.arange(n) + 100})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reference, "ROWS", 13)
        found = spray.references(data, count=count, normalized=False).reference.values
    for channel, column in enumerate(values.T):
        rows = np.flatnonzero(np.isfinite(column))
        best = rows[np.lexsort((rows, -column[rows]))][:count] + 100
        assert found[channel].tolist() == [*best, *[-1] * (count - len(best))]


def test_crops_are_the_receptive_fields(tmp_path, capsys):
    data = attributions()
    found = spray.references(data, count=2)
    for channel in (0, 5):
        for rank, crop in enumerate(spray.crops(data, found, channel)):
            place, sample = int(found.place.sel(channel=channel)[rank]), int(found.reference.sel(channel=channel)[rank])
            top, left = 2 * (place // 3), 2 * (place % 3)
            wanted = data.image.sel(sample=sample)[:, top : top + 4, left : left + 4]
            np.testing.assert_array_equal(crop, wanted)
            assert crop.attrs["sample"] == sample
    path = project(tmp_path / "p", data)
    out, err, code = run(capsys, "references", path, "--channel", "2,4-5", "--count", 3, "--sheet", tmp_path / "s.png")
    assert code == 0, err
    first = spray.references(data, count=3, channels=[2])
    assert out.splitlines()[0] == "layer 4, sum of R" and f"2  {int(first.reference[0, 0])} (" in out
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")
    out, _, code = run(capsys, "references", path, "--per", "label", "--count", 1)
    assert code == 0 and "label 0\n" in out and "label 1\n" in out
    assert run(capsys, "references", path, "--channel", "two")[2] == 2


def test_relmax_of_a_large_project_is_read_in_blocks():
    rng = np.random.default_rng(0)
    data = xr.Dataset({"concept_1": (("sample", "channel_1"), rng.normal(size=(9000, 8)).astype(np.float32))})
    found = spray.references(data, count=40, normalized=False)
    np.testing.assert_array_equal(found.value, -np.sort(-data.concept_1.values, axis=0)[:40].T)


def test_patterns_are_covariances_and_more_like_these_finds_the_rest():
    data = attributions()
    one = data.isel(sample=np.flatnonzero(data.label.values == 1))
    values, truth = spray.concept_values(one), one.planted.values == 1
    chosen = one.sample.values[truth][:3]
    score = spray.more_like_these(values, chosen)
    rest = ~np.isin(one.sample.values, chosen)
    assert roc_auc_score(truth[rest], score.values[rest]) > 0.95
    f = values.values / np.abs(values.values).sum(1, keepdims=True)
    t = np.isin(one.sample.values, chosen)
    slope = ((f - f.mean(0)) * (t - t.mean())[:, None]).sum(0)
    np.testing.assert_allclose(score, (f - f.mean(0)) @ slope / np.linalg.norm(slope), rtol=1e-5, atol=1e-8)
    with pytest.raises(ValueError, match="no samples -7 among"):
        spray.more_like_these(values, [-7])


@pytest.mark.parametrize("kind", ["pattern", "svm"])
def test_directions_separate_and_are_judged_on_samples_they_have_not_seen(kind):
    rng = np.random.default_rng(0)
    features, members = rng.normal(size=(80, 5)), np.arange(80) < 30
    assert abs(spray.cav_auroc(features, members, kind=kind) - 0.5) < 0.25
    features[members, 1] += 4
    direction = spray.cav(features, members, kind=kind)
    assert np.argmax(direction) == 1 and np.isclose(np.linalg.norm(direction), 1)
    assert spray.cav_auroc(features, members, kind=kind) > 0.97
    with pytest.raises(ValueError, match="0 of 80 samples are members"):
        spray.cav(features, members & False, kind=kind)


def test_tcav_of_a_linear_output_is_the_sign_of_its_weight():
    rng = np.random.default_rng(0)
    weight, v = rng.normal(size=5), np.array([0.0, 1.0, 0, 0, 0])
    gradients = np.tile(weight, (20, 1))
    assert spray.tcav(gradients, v) == (float(weight[1] > 0), pytest.approx(abs(weight[1])))
    places = rng.normal(size=(9, 5, 4, 4))
    score, sensitivity = spray.tcav(places, v)
    assert score == np.mean(places[:, 1] > 0) and sensitivity == pytest.approx(np.abs(places[:, 1]).mean())
    assert np.isnan(spray.tcav(np.zeros((3, 5)), v)[0])
    with pytest.raises(ValueError, match="does not fit"):
        spray.tcav(gradients, v[:4])
