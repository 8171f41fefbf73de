"""Several suspects in one category, one suspect in several, and categories that are many."""

import numpy as np
import pytest
import xarray as xr

from spray.analysis import judge
from spray.cli.ranking import explained
from spray.verdict import added, same_suspects, shared_gap, statistics


def heat(rng, classes, n=80):
    values = 1 + 0.1 * rng.normal(size=(classes * n, 16, 16))
    return values, np.repeat(np.arange(classes), n)


def data_of(values, labels):
    return xr.DataArray(values, {"label": ("sample", labels)}, ["sample", "height", "width"], "relevance")


def members_of(found, number):
    return np.flatnonzero(found.cluster.sel(clustering="verdict").values == number)


def test_two_groups_in_one_category_are_two_suspects(tmp_path):
    values, labels = heat(np.random.default_rng(0), 4)
    values[80:95, 14:, 14:] += 9
    values[95:107, :2, :2] += 6
    found = judge(data_of(values, labels), out=tmp_path, progress=False)["1"]
    numbers = [members_of(found, number).tolist() for number in np.unique(found.cluster.sel(clustering="verdict"))]
    assert list(range(15)) in numbers and list(range(15, 27)) in numbers
    assert found.attrs["suspects"] == 2 and "what sets them apart" in found.attrs["further"]
    assert members_of(found, found.attrs["suspect_cluster"]).tolist() in (list(range(15)), list(range(15, 27)))
    assert "further suspects" in explained(tmp_path, "1", [])


def test_the_same_suspect_in_two_categories_is_said_and_another_is_not(tmp_path):
    values, labels = heat(np.random.default_rng(1), 6)
    for start in (80, 320):
        values[start : start + 16, 14:, 14:] += 9
    values[400:416, :2, :2] += 9
    found = judge(data_of(values, labels), out=tmp_path, progress=False)
    same = {name: one.attrs.get("same_as", "") for name, one in found.items()}
    assert same == {"0": "", "1": "4", "2": "", "3": "", "4": "1", "5": ""}
    assert found["5"].attrs["suspicion"] > 2.2
    again = judge(data_of(values, labels), progress=False)
    assert {name: one.attrs.get("same_as", "") for name, one in again.items()} == same
    assert "the same suspect in" in explained(tmp_path, "1", [])


def test_what_is_compared_does_not_depend_on_the_scale_of_features():
    rng = np.random.default_rng(0)
    values, members = {"a": rng.normal(size=(40, 3)), "b": rng.normal(size=(40, 2))}, np.arange(40) < 9
    scaled = {"a": values["a"] * [1, 10, 100], "b": values["b"] + 7}
    gaps = [
        shared_gap(each, {name: added([statistics(value)]) for name, value in each.items()}, members)
        for each in (values, scaled)
    ]
    np.testing.assert_allclose(gaps[0], gaps[1])
    assert gaps[0] @ gaps[0] == pytest.approx(1) and same_suspects({"x": gaps[0]}) == {}
