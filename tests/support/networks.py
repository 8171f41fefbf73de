"""Models that users write: functional calls, shared and in-place modules, branches; and how tests prepare them."""

import torch
import torch.nn.functional as F
from torch import nn

import lrp
from lrp.testing import randomize

BOX = lrp.composites.epsilon_gamma_box(0.0, 1.0)


class Functional(nn.Module):
    """Convolutions and a classifier joined by plain Python: F.relu, +, cat, flatten."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = (
            nn.Conv2d(3, 4, 3, padding=1),
            nn.Conv2d(4, 4, 3, padding=1),
            nn.Conv2d(4, 4, 1),
        )
        self.classify = nn.Linear(8 * 4, 3)

    def forward(self, x):
        a = F.relu(self.first(x))
        b = F.relu(self.second(a) + a)
        b += self.third(b)
        joined = torch.cat([a, b.relu_()], 1)
        return self.classify(F.adaptive_avg_pool2d(F.max_pool2d(joined, 2), 2).flatten(1))


class Shared(nn.Module):
    """One in-place ReLU module used three times, one convolution used twice."""

    def __init__(self):
        super().__init__()
        self.conv, self.relu = nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(inplace=True)
        self.classify = nn.Linear(3 * 36, 3)

    def forward(self, x):
        x = self.relu(self.conv(x))
        x = self.relu(self.conv(x))
        return self.classify(self.relu(x).flatten(1))


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 3))

    def forward(self, x):
        return self.layers(x)


def image(batch=2, size=6, channels=3):
    return torch.rand(batch, channels, size, size, dtype=torch.float64)


def prepared(model, x, composite):
    graph = lrp.canonize(lrp.trace(model, x))
    program = lrp.relprop(graph, composite)
    return program, program.prepare(graph.params)


def cnn():
    layers = [
        nn.Conv2d(3, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3),
        nn.ReLU(),
    ]
    return randomize(nn.Sequential(*layers, nn.Flatten(), nn.Linear(4, 3)), 1)
