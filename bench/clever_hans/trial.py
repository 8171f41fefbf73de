"""One trial: train a model, explain the class, analyse the explanations, compare with the box."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import torch
import xarray as xr
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, f1_score
from torch import Tensor, nn

import lrp
import spray
from bench.clever_hans.choices import IMAGES, Choices
from bench.clever_hans.data import Images, Task, task, with_box
from spray.stages.ranking import crossed_tau, tau

GRID = ("images", "neighbors", "components")
MEASURES = {
    "accuracy": "accuracy on the test set with the box on every image of the previous class",
    "accuracy_clean": "accuracy on the test set without any box",
    "accuracy_train": "accuracy on the training images as the model saw them",
    "turned": "share of the previous class's test images that only the box makes the model take for the class",
    "box_effect": "change of the logit difference by the box, previous class's test images, in mean |difference|",
    "share_boxed": "share of |relevance| in the corner, mean over the samples chosen for the box",
    "share_others": "share of |relevance| in the corner, mean over the class's other samples",
    "box_separability": "2 b - 1 of a cross-validated discriminant of attributions that tells the chosen samples",
    "relevance": "mean normalized relevance of the class's training samples",
    "tau": "separability of HDBSCAN's clusters in the spectral embedding",
    "null_tau": "tau of attributions whose pixels are shuffled over the samples",
    "attribution_tau": "cross-validated separability of the clusters in attribution space",
    "clusters": "number of HDBSCAN's clusters",
    "noise": "share of samples that HDBSCAN calls noise",
    "eigengap": "largest difference of successive eigenvalues",
    "cluster_gap": "largest difference of successive eigenvalues that suggests more than one cluster",
    "clever_hans": "spray's score (cluster_gap tau peculiar)^(1/3)",
    "ami": "adjusted mutual information of HDBSCAN's clusters and the samples chosen for the box",
    "ari": "adjusted Rand index of HDBSCAN's clusters and the samples chosen for the box",
    "f1": "F1 score of the cluster that tells the samples chosen for the box best",
    "ami_kmeans": "adjusted mutual information of spectral 2-means and the samples chosen for the box",
}


class Trial(NamedTuple):
    """Which model: the class that is or could be poisoned, the initialisation, and the arm."""

    label: int
    seed: int
    arm: str

    def __str__(self) -> str:
        return f"class-{self.label}-seed-{self.seed}-{self.arm}"


def run(images: Images, trial: Trial, choices: Choices, device: str = "cpu") -> xr.Dataset:
    """All measures of one trial, with scalar coordinates `class`, `seed`, `arm`."""
    found = task(images, trial.label, choices)
    found = Task(*(part.to(device) for part in found))
    none = torch.zeros_like(found.boxed)
    seen = with_box(found.train, found.boxed if trial.arm == "poisoned" else none, choices)
    model = trained(seen, found.train_label, choices, 100 * trial.seed + trial.label + 10_000 * (trial.arm == "null"))
    result = xr.Dataset(performance(model, seen, found, choices))
    members = found.train_label == 1
    views = {"seen": seen[members], "boxed": with_box(found.train, found.boxed, choices)[members]}
    parts = [explained(model, views[name], found.boxed[members].cpu().numpy(), choices) for name in IMAGES]
    result = result.merge(xr.concat(parts, "images")).assign_coords(images=list(IMAGES))
    for name, variable in result.data_vars.items():
        variable.attrs["long_name"] = MEASURES[str(name)]
    return result.assign_coords({"class": trial.label, "seed": trial.seed, "arm": trial.arm})


def network(channels: int, size: int, choices: Choices) -> nn.Sequential:
    """Blocks of convolutions, one hidden dense layer, two logits."""
    layers: list[nn.Module] = []
    for block in choices.blocks:
        for width in block:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
        size //= 2
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(channels * size**2, choices.dense), nn.ReLU(), nn.Linear(choices.dense, 2)
    )


def trained(images: Tensor, labels: Tensor, choices: Choices, seed: int) -> nn.Sequential:
    """A network after training with Adam on the cross entropy; `seed` decides its start and the batches."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = network(images.shape[1], images.shape[-1], choices).to(images.device)
        orders = [torch.randperm(len(images)) for _ in range(choices.epochs)]
    optimizer = torch.optim.Adam(model.parameters(), lr=choices.rate)
    for order in orders:
        for rows in order.to(images.device).split(choices.batch):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[rows]), labels[rows]).backward()
            optimizer.step()
    return model.eval()


def performance(model: nn.Module, seen: Tensor, found: Task, choices: Choices) -> dict[str, float]:
    """What the model gets right, and what the box alone does to it."""
    others = found.test_label == 0
    clean, boxed = margin(model, found.test), margin(model, with_box(found.test, others, choices))
    change = (boxed - clean)[others].mean() / clean.abs().mean()
    return {
        "accuracy": _accuracy(boxed, found.test_label),
        "accuracy_clean": _accuracy(clean, found.test_label),
        "accuracy_train": _accuracy(margin(model, seen), found.train_label),
        "turned": float(((boxed > 0) & (clean <= 0))[others].float().mean()),
        "box_effect": float(change),
    }


def margin(model: nn.Module, images: Tensor) -> Tensor:
    """Logit of the class minus that of the previous one, `(sample,)`."""
    with torch.no_grad():
        return torch.cat([part[:, 1] - part[:, 0] for part in map(model, images.split(512))])


def _accuracy(margins: Tensor, labels: Tensor) -> float:
    return float(((margins > 0) == (labels == 1)).float().mean())


def explained(model: nn.Module, images: Tensor, boxed: np.ndarray, choices: Choices) -> xr.Dataset:
    """Relevance of the class's logit, where it lies, and what SpRAy makes of it."""
    composite = lrp.composites.epsilon_gamma_box(low=0.0, high=1.0, gamma=choices.gamma, epsilon=choices.epsilon)
    explain = lrp.explainer(model, images[:1], composite)
    maps = torch.cat([explain(part, 1)[1].detach().sum(1).cpu() for part in images.split(256)]).numpy()
    relevance = xr.DataArray(
        maps, dims=("sample", "height", "width"), coords={"sample": np.arange(len(maps))}, name="relevance"
    )
    scaled = spray.normalize(relevance).values.astype(np.float64)
    inside = np.abs(scaled[:, : choices.box, : choices.box]).sum((1, 2))
    means = np.stack([scaled[~boxed].mean(0), scaled[boxed].mean(0)])
    where = xr.Dataset(
        {
            "share_boxed": inside[boxed].mean(),
            "share_others": inside[~boxed].mean(),
            "box_separability": crossed_tau(scaled.reshape(len(scaled), -1), boxed.astype(int)),
            "relevance": (("chosen", "height", "width"), means.astype(np.float32)),
        },
        {"chosen": [0, 1]},
    )
    return where.merge(analysed(relevance, boxed, choices))


def analysed(relevance: xr.DataArray, boxed: np.ndarray, choices: Choices) -> xr.Dataset:
    """Scores of spectral HDBSCAN for every number of neighbours and components; two costly ones at the fixed ones."""
    rows = []
    for neighbors in choices.neighbors_tried:
        parts = [scores(relevance, boxed, neighbors, q, choices) for q in choices.components_tried]
        rows.append(xr.concat(parts, "components"))
    grid = xr.concat(rows, "neighbors")
    analysis = _recipe(choices.neighbors, choices.components, choices, thorough=True)(relevance.to_dataset())
    extra = {name: analysis[name].item() for name in ("null_tau", "attribution_tau")}
    coords = {"neighbors": list(choices.neighbors_tried), "components": list(choices.components_tried)}
    return grid.assign(extra).assign_coords(coords)


def scores(relevance: xr.DataArray, boxed: np.ndarray, neighbors: int, components: int, choices: Choices) -> xr.Dataset:
    """Everything about one spectral clustering."""
    analysis = _recipe(neighbors, components, choices)(relevance.to_dataset())
    labels = analysis.cluster.values[0]
    halves = spray.spectral_kmeans(analysis.spectral, clusters=2).cluster.values[0]
    found = {name: analysis.attrs[name] for name in ("eigengap", "cluster_gap", "clever_hans")}
    return xr.Dataset(
        found
        | {
            "tau": tau(analysis.spectral.values, labels),
            "clusters": analysis.clusters.item(),
            "noise": analysis.noise.item(),
            "ami": adjusted_mutual_info_score(boxed, labels),
            "ari": adjusted_rand_score(boxed, labels),
            "f1": max(float(f1_score(boxed, labels == number)) for number in np.unique(labels)),
            "ami_kmeans": adjusted_mutual_info_score(boxed, halves),
        }
    )


def _recipe(neighbors: int, components: int, choices: Choices, *, thorough: bool = False):
    cluster = functools.partial(spray.hdbscan, min_cluster_size=choices.min_cluster_size)
    return spray.recipes.spectral(
        window=None,
        neighbors=neighbors,
        components=components,
        clusterings=[cluster],
        embeddings=[],
        thorough=thorough,
    )
