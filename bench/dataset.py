"""Memory and speed of attribute_dataset on many small images: `python -m bench.dataset [COUNT]`, JSON on stdout.

peak_growth_mb: how much the peak of resident memory grows from the 1 000th image to the last one.
"""

import json
import sys
import tempfile
import time

import torch
from torch import nn
from torch.utils.data import Dataset

import lrp
from bench.memory import peak_memory

FROM = 1000


class Images(Dataset):
    """Random images, made when asked for; notes peak memory and time on the way."""

    def __init__(self, count: int):
        self.count, self.notes = count, {}

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        if index in (FROM, self.count - 1):
            self.notes[index] = (1024 * peak_memory(), time.perf_counter())
        return torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(index)), index % 10


def measure(count: int) -> dict[str, float]:
    """Attribute `count` images of 3 x 32 x 32 by a small network."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 8, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(392, 10)]
    model = nn.Sequential(*layers).eval()
    explain = lrp.explainer(model, torch.zeros(1, 3, 32, 32), lrp.composites.epsilon_gamma_box(low=0.0, high=1.0))
    images = Images(count)
    with tempfile.TemporaryDirectory() as folder:
        lrp.attribute_dataset(explain, images, folder, progress=False)
    (early, start), (late, end) = images.notes[FROM], images.notes[count - 1]
    return {
        "images": count,
        "peak_growth_mb": round(late - early, 1),
        "peak_mb": round(late, 1),
        "images_per_second": round((count - 1 - FROM) / (end - start), 1),
    }


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)))
