"""What PCX says of a sample: a measure to colour and order by, and no map."""

import dataclasses

import numpy as np
import xarray as xr

import spray
from spray import store
from viewer.projects import open_category, open_projects
from viewer.scene.gallery import ordered
from viewer.scene.points.grouping import grouping, variables
from viewer.state import State
from viewer.state.selection import encode


def test_likelihood_colours_and_orders_and_deviations_are_no_map(tmp_path):
    rng = np.random.default_rng(0)
    values = rng.gamma(2, size=(60, 5)).astype(np.float32)
    values[7] = [0, 0, 0, 0, 9]
    relevance = (("sample", "channel", "height", "width"), rng.normal(size=(60, 1, 4, 4)).astype(np.float32))
    data = xr.Dataset(
        {"relevance": relevance, "hidden_magnitude_1": (("sample", "channel_1"), values)},
        {"sample": np.arange(100, 160), "label": ("sample", np.zeros(60, int))},
    )
    store.write_project(tmp_path, name="p")
    store.write_part(tmp_path, 0, data)
    spray.analyse(
        spray.open_attributions(tmp_path), spray.recipes.pcx(prototypes=2), out=tmp_path, name="pcx", progress=False
    )
    (project,) = open_projects([str(tmp_path)]).values()
    category = open_category(project, "pcx", "0")
    assert list(category.embeddings) == ["pca"] and "log_likelihood" in variables(category)
    likelihood = spray.open_analysis(tmp_path, "pcx")["0"].log_likelihood
    np.testing.assert_array_equal(category.variables["log_likelihood"], likelihood)
    state = State(colour="log_likelihood", selection=encode(category.sample), sort="unusual")
    assert grouping(category, state).scale is not None
    rows, note = ordered(project, category, state)
    assert note == "" and category.sample[rows[0]] == int(likelihood.sample[int(np.argmin(likelihood.values))])
    typical, _ = ordered(project, category, dataclasses.replace(state, sort="typical"))
    np.testing.assert_array_equal(likelihood.values[typical], np.sort(likelihood.values)[::-1])
