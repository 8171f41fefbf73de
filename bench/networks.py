"""Networks with random weights that behave like trained ones."""

from __future__ import annotations

import torch

from lrp._torchvision import torchvision


def network(name: str, x: torch.Tensor, device: str = "cpu", dtype: torch.dtype = torch.float32) -> torch.nn.Module:
    """A model of torchvision with random weights, the same ones each time, awakened by `x`."""
    torch.manual_seed(0)
    model = torchvision().models.get_model(name, weights=None).eval()
    awaken(model, x)
    return model.to(device, dtype)


def awaken(model: torch.nn.Module, x: torch.Tensor) -> None:
    """Give a new model signals of a trained one's size, or its outputs would vanish beside the stabilizer: weights
    where there are zeros (the last layer of a ViT), and batch statistics of random images."""
    for value in model.parameters():
        if value.ndim > 1 and not value.any():
            torch.nn.init.normal_(value, std=0.02)
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.momentum = None  # a plain average
            module.train()
    with torch.no_grad():
        model(x)
    model.eval()
