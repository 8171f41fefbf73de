"""Samples of several labels: in each category with the relevance of that class, from the data set to the analysis."""

import numpy as np
import pytest
import torch

import lrp
import spray
from spray.analysis.several import cut, rows_of
from tests.lrp.dataset.test_options import SMALL
from tests.lrp.dataset.test_readers import linear


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    rng = np.random.default_rng(0)
    x, labels = torch.from_numpy(rng.normal(size=(60, 6)).astype("float32")), rng.integers(0, 2, (60, 3)).astype(bool)
    path = tmp_path_factory.mktemp("several") / "p"
    dataset = [(values, torch.from_numpy(label)) for values, label in zip(x, labels, strict=True)]
    lrp.attribute_dataset(
        linear, dataset, path, target="label", label_names=list("abc"), keep=lrp.Kept(kind="table"), **SMALL
    )
    return spray.open_attributions(path), x, labels, path


def test_a_category_holds_the_relevance_of_its_class(found):
    data, x, labels, _ = found
    parts = cut(data, rows_of(data), "label")
    assert list(parts) == ["0", "1", "2"]
    for number, part in enumerate(parts.values()):
        rows = np.flatnonzero(labels[:, number])
        assert part.sample.values.tolist() == rows.tolist()
        wanted = linear(x, number)[1].numpy()[rows]
        np.testing.assert_allclose(part.relevance.values, wanted, rtol=1e-6)
        some = part.relevance.isel(sample=[3, 1], feature=slice(1, 4))  # lazily, in another order
        np.testing.assert_allclose(some.values, wanted[[3, 1], 1:4], rtol=1e-6)
        np.testing.assert_allclose(part.relevance[2, [4, 0]].values, wanted[2, [4, 0]], rtol=1e-6)


def test_each_category_is_analysed_with_it(found):
    data, x, labels, path = found
    seen = {}

    def recipe(category):
        values = category.relevance.values
        seen[len(seen)] = values
        return category[["relevance"]].load()

    tree = spray.analyse(data, recipe, progress=False)
    for number in range(3):
        wanted = linear(x, number)[1].numpy()[labels[:, number]]
        np.testing.assert_allclose(seen[number], wanted, rtol=1e-6)
        np.testing.assert_allclose(tree[str(number)].relevance, wanted, rtol=1e-6)
    recipe_of_ours = spray.recipes.spectral(neighbors=4, components=4, embeddings=[])
    done = spray.analyse(data, recipe_of_ours, out=path, progress=False)
    assert [done[name].sizes["sample"] for name in "012"] == labels.sum(0).tolist()
    verdict = spray.analysis.judge(data, progress=False)
    assert list(verdict) == ["0", "1", "2"]


def test_without_that_relevance_it_is_an_error(found):
    data = found[0]
    with pytest.raises(
        ValueError, match="only the relevance of all of them together: explain the data set with target"
    ):
        spray.analyse(data.drop_vars("relevance_each"), lambda category: category, progress=False)
    other = data.assign(explained=data.explained * 0 - 1)
    with pytest.raises(ValueError, match="has the label 0 and no relevance of it"):
        spray.analyse(other, lambda category: category, progress=False)
