"""A box that moves, planted in half of a class: PCX finds it, whatever the seed."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_mutual_info_score
from torch import nn
from torch.nn import functional as F

import lrp
import spray


def planted(seed):
    """Digits of 16 x 16 in colour, half of those from 5 on with a red box anywhere; and a network trained on them."""
    torch.manual_seed(seed)
    rng, digits = np.random.default_rng(seed), load_digits()
    labels = torch.as_tensor(digits.target >= 5).long()
    images = torch.as_tensor(digits.images[:, None] / 16).float()
    images = F.interpolate(images, scale_factor=2, mode="bilinear").repeat(1, 3, 1, 1)
    boxed = (labels.numpy() == 1) & (rng.random(len(labels)) < 0.5)
    for sample in np.flatnonzero(boxed):
        top, left = rng.integers(0, 12, 2)
        images[sample, :, top : top + 4, left : left + 4] = torch.tensor([1, 0.2, 0.2])[:, None, None]
    convolutions = [nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1)]
    dense = [nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 2)]
    model = nn.Sequential(*convolutions, *dense)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for rows in (rows for _ in range(8) for rows in torch.randperm(len(images)).split(32)):
        optimizer.zero_grad()
        F.cross_entropy(model(images[rows]), labels[rows]).backward()
        optimizer.step()
    return model.eval(), images, labels, boxed


@pytest.mark.slow
def test_pcx_finds_the_planted_box_in_ten_of_ten_seeds(tmp_path):
    found = {}
    for seed in range(10):
        model, images, labels, boxed = planted(seed)
        explain = lrp.explainer(model, images[:1], lrp.composites.epsilon_gamma_box(low=0.0, high=1.0))
        high = np.flatnonzero(labels.numpy() == 1)
        path = lrp.attribute_dataset(
            explain, torch.utils.data.TensorDataset(images[high], labels[high]), tmp_path / str(seed), target="label",
            concepts=["4"], keep=lrp.Kept(kind="image"), progress=False,
        )  # fmt: skip
        result = spray.analyse(spray.open_attributions(path), spray.recipes.pcx(), progress=False)["1"]
        agreement = adjusted_mutual_info_score(boxed[high], result.cluster.values[0])
        found[seed] = (result.sizes["prototype"], round(agreement, 3))
        print(seed, *found[seed], flush=True)
    assert min(agreement for _, agreement in found.values()) > 0.9, found
