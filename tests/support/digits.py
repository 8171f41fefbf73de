"""A small model and dataset for the tests of attribute_dataset, and a run of them that can be killed."""

import signal
import sys
import time
from pathlib import Path

import torch
import xarray as xr
from torch import nn
from torch.utils.data import Dataset

import lrp
from spray import store


def small_model(seed=0, classes=3):
    torch.manual_seed(seed)
    layers = [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, classes)]
    return nn.Sequential(*layers).eval()


def small_explainer(seed=0, high=1.0):
    return lrp.explainer(small_model(seed), torch.zeros(1, 1, 8, 8), lrp.composites.epsilon_gamma_box(0.0, high))


class Digits(Dataset):
    """`(image, label, extra)`; every load is noted in the file `log`."""

    classes = ("zero", "one", "two")

    def __init__(self, size, log=None, pause=0.0):
        self.images = torch.rand(size, 1, 8, 8, generator=torch.Generator().manual_seed(1))
        self.log, self.pause = log, pause

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        if self.log:
            with Path(self.log).open("a") as log:
                log.write(f"{index}\n")
        time.sleep(self.pause)
        return self.images[index], index % 3, {"split": "train" if index % 2 else "test", "confidence": index / 100}


SMALL = {"batch_size": 4, "shard_size": 10, "progress": False}
"""Options of `attribute_dataset` for some dozen digits."""


def parts_of(project):
    return {number: xr.load_dataset(file) for number, file in store.parts(project).items()}


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts its background jobs without
    torch.set_num_threads(1)
    project, log, size, pause = sys.argv[1:]
    dataset = Digits(int(size), log, float(pause))
    lrp.attribute_dataset(small_explainer(), dataset, project, batch_size=4, shard_size=10, target="label")
