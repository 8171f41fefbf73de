"""The map of channels: distances by another way, and channels of equal patterns in one place."""

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import cdist

from spray import store
from viewer.projects import open_projects
from viewer.scene.channel_map import channel_map


def test_distances_on_the_map_are_those_of_cosines(tmp_path):
    a, b = np.random.default_rng(0).gamma(2, size=(2, 40)).astype(np.float32)
    values = np.stack([a, 3 * a, b, a + b, 0 * a], axis=1)  # three directions: a plane holds them
    data = xr.Dataset(
        {
            "relevance": (("sample", "x"), np.ones((40, 2), np.float32)),
            "hidden_magnitude_4": (("sample", "channel_4"), values),
        },
        {"sample": np.arange(40), "label": ("sample", np.zeros(40, int))},
    )
    store.write_project(tmp_path, name="p")
    store.write_part(tmp_path, 0, data)
    (project,) = open_projects([str(tmp_path)]).values()
    found = channel_map(project, "4")
    assert found.channel.tolist() == [0, 1, 2, 3] and found.unused == 1
    np.testing.assert_allclose(found.place[0], found.place[1], atol=1e-5)
    expected = cdist(values.T[:4], values.T[:4], "cosine")
    np.testing.assert_allclose(cdist(found.place, found.place) ** 2 / 2, expected, atol=1e-5)
    assert expected[0, 3] < expected[0, 2] == pytest.approx(expected.max())
