"""Which kind of samples a project holds: the operator that reads them says it, the data, the caller; else a warning."""

import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_mutual_info_score
from torch import nn
from torch.utils.data import TensorDataset

import lrp
import spray
from lrp.dataset.kept import UnsaidKind
from spray.kinds import kind_of

NETWORKS = {
    "signal": (nn.Sequential(nn.BatchNorm1d(2), nn.Conv1d(2, 3, 3), nn.Flatten(), nn.Linear(18, 2)), (2, 8)),
    "image": (nn.Sequential(nn.ReLU(), nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(48, 2)), (2, 6, 6)),
    "volume": (nn.Sequential(nn.AvgPool3d(2), nn.Conv3d(2, 3, 2), nn.Flatten(), nn.Linear(3, 2)), (2, 4, 4, 4)),
    "table": (nn.Sequential(nn.Linear(5, 3), nn.ReLU(), nn.Linear(3, 2)), (5,)),
    "text": (nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(24, 2)), (6,)),
}
DENSE = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))


def samples(kind, shape, n=6):
    generator = torch.Generator().manual_seed(0)
    if kind == "text":
        return torch.randint(0, 9, (n, *shape), generator=generator)
    return torch.rand(n, *shape, generator=generator)


def attributed(model, x, path, **options):
    explain = lrp.explainer(model.eval(), x[:1], lrp.composites.epsilon_plus())
    dataset = TensorDataset(x, torch.arange(len(x)) % 2)
    found = lrp.attribute_dataset(explain, dataset, path, target="label", progress=False, **options)
    return spray.open_attributions(found), explain(x, torch.arange(len(x)) % 2).relevance


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_operator_that_reads_the_samples_says_their_kind(tmp_path, kind):
    model, shape = NETWORKS[kind]
    x = samples(kind, shape)
    found, relevance = attributed(model, x, tmp_path / "p")
    for name in ("image", "relevance"):
        assert found[name].attrs["kind"] == kind_of(found[name]).name == kind
    np.testing.assert_allclose(found.relevance, relevance, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found.image, x)


@pytest.mark.parametrize(
    ("shape", "dims"), [((3, 2, 2), ("channel", "height", "width")), ((2, 6), ("axis_0", "axis_1"))]
)
def test_what_nothing_says_is_said_by_a_warning(tmp_path, shape, dims):
    with pytest.warns(UnsaidKind, match=r"says what the axes of samples .* are taken for .* Say it by"):
        found, _ = attributed(DENSE, samples("", shape), tmp_path / "p")
    assert found.relevance.dims == ("sample", *dims)


def test_the_caller_says_it(tmp_path):
    found, _ = attributed(DENSE, samples("", (2, 6)), tmp_path / "a", keep=lrp.Kept(kind="spectrogram"))
    assert found.relevance.dims == ("sample", "frequency", "time") and found.relevance.attrs["kind"] == "spectrogram"
    found, _ = attributed(
        DENSE, samples("", (2, 2, 3)), tmp_path / "b", keep=lrp.Kept(dims=("height", "width", "channel"))
    )
    assert kind_of(found.relevance).name == "image"
    with pytest.raises(ValueError, match="none of kind volume"):
        attributed(DENSE, samples("", (2, 6)), tmp_path / "c", keep=lrp.Kept(kind="volume"))
    with pytest.raises(ValueError, match="kind one of image"):
        lrp.Kept(kind="picture")


@pytest.mark.parametrize("kind", ["signal", "table", "volume"])
def test_from_the_model_to_the_clusters_of_a_planted_cue(tmp_path, kind):
    """The model adds up two cues; half of the samples have the one, half the other, in the next channel or column."""
    n, strategy = 120, np.arange(120) // 2 % 2
    shape = {"signal": (3, 16), "table": (8,), "volume": (1, 4, 6, 6)}[kind]
    cues = {"signal": [(0, 4), (1, 4)], "table": [(0,), (1,)], "volume": [(0, 0, 1, 1), (0, 3, 4, 4)]}[kind]
    x = 0.05 * torch.rand(n, *shape, generator=torch.Generator().manual_seed(1))
    weight = torch.zeros(2, *shape)
    for number, cue in enumerate(cues):
        x[(strategy == number, *cue)] += 1
        weight[(slice(None), *cue)] = 1
    layers: list[nn.Module] = [nn.Flatten(), nn.Linear(weight[0].numel(), 2, bias=False)]
    layers[-1].weight.data.copy_(weight.flatten(1))  # type: ignore[union-attr, operator]
    found, _ = attributed(nn.Sequential(*layers), x, tmp_path / "p", keep=lrp.Kept(kind=kind))
    recipe = spray.recipes.spectral(components=4, embeddings=[])
    for category in spray.analyse(found, recipe, by="label").values():
        clusters = category.cluster.sel(clustering="spectral-2").values
        assert adjusted_mutual_info_score(strategy[category.sample.values], clusters) == pytest.approx(1)
