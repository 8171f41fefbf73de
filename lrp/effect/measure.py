"""Does a prediction rest on what a group has in common? Give it to samples of other classes, and count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from lrp.effect.changes import CHANGES, Groups
from lrp.effect.network import Network

CONTROLS = 4  # random groups of the same class, beside the one of the others that is most like the suspect
LEAST = 5  # samples of a group
USED: Mapping[str, float] = {
    "overlay": 0.03,
    "colour": 0.03,
    "softness": 0.03,
    "patch": 0.05,
    "direction": 0.15,
}
"""Share of the others turned beyond the most of a control, from which on a prediction rests on it. A direction takes
all that a group has with it, evidence of its class too, and natural groups turn up to a tenth by theirs."""


class Effect(NamedTuple):
    """Of one change."""

    turned: float
    """Share of the other classes' samples that are predicted as the class now, and were not before."""
    logit: float
    """Mean change of the class's output, less that of the mean over classes."""
    control_turned: float
    """The most of groups of the same size: drawn from the rest of the class, and of the others those most like it."""
    control_logit: float

    @property
    def beyond(self) -> float:
        """Turned beyond the control."""
        return self.turned - self.control_turned


def effects(
    network: Network, inside: Tensor, outside: Tensor, others: Tensor, target: int, *, seed: int = 0
) -> dict[str, Effect]:
    """What each change does, beside what it does when its group is another one.

    Groups at random have nothing in common. What a class shares with others (some images are dim, or of one
    background) turns samples too, where a model minds it; so another control is the same share of the *others*, those
    farthest along mean_in - mean_out in deviations: alike, but of another class.

    Args:
        network: The model.
        inside, outside: Samples of a class: of the suspect, and the rest.
        others: Of other classes.
        target: The class, an index of the output.
        seed: Of the random groups.

    Returns:
        Change -> effect; of those that can be done to such samples.

    Raises:
        ValueError: A side has fewer than 5 samples, or there are no others.

    Example:
        >>> import torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2, bias=False)).eval()
        >>> model[1].weight.data = torch.tensor([[0.0, 0.0, 0.0, 1.0], [0.4, 0.0, 0.0, 0.0]])
        >>> network = Network.of(lrp.trace(model, torch.zeros(1, 1, 2, 2)))
        >>> rest, others = 0.5 * torch.rand(90, 1, 2, 2), torch.rand(50, 1, 2, 2)
        >>> others[:, 0, 1, 1] = 0
        >>> inside = rest[:30].clone()
        >>> inside[:, 0, 1, 1] = 1  # a bright pixel, which the model takes for class 0
        >>> effects(network, inside, rest[30:], others, 0)["overlay"].turned
        1.0
    """
    if min(len(inside), len(outside)) < LEAST or not len(others):
        raise ValueError(
            f"a group and its rest need {LEAST} samples each, and there must be others: got {len(inside)}, "
            f"{len(outside)} and {len(others)}"
        )
    with torch.no_grad():
        before = network.output(others)
        controls = [_drawn(outside, len(inside), seed + number) for number in range(CONTROLS)]
        controls += _alike(inside, outside, others)
        found = {}
        for name, (change, fits) in CHANGES.items():
            if not fits(network, others):
                continue
            each = [
                _change(before, change(network, Groups(*pair, others), torch.Generator().manual_seed(seed)), target)
                for pair in [(inside, outside), *controls]
            ]
            found[name] = Effect(*each[0], *map(max, zip(*each[1:], strict=True)))
    return found


def _drawn(samples: Tensor, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """A random group of at most half of the samples, and the others."""
    order = torch.randperm(len(samples), generator=torch.Generator().manual_seed(seed)).to(samples.device)
    size = max(2, min(size, len(samples) // 2))
    return samples[order[:size]], samples[order[size:]]


def _alike(inside: Tensor, outside: Tensor, others: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The others' share that is most like the group, and the rest of them; none of samples that are no numbers."""
    size = round(len(inside) / (len(inside) + len(outside)) * len(others))
    if not inside.is_floating_point() or min(size, len(others) - size) < 2:
        return []
    variance = outside.var(0)
    gap = torch.where(variance > 0, (inside.mean(0) - outside.mean(0)) / variance, 0.0)
    order = (others * gap).flatten(1).sum(1).argsort(descending=True)
    return [(others[order[:size]], others[order[size:]])]


def _change(before: Tensor, after: Tensor, target: int) -> tuple[float, float]:
    turned = (after.argmax(1) == target) & (before.argmax(1) != target)
    own, usual = (after - before)[:, target], (after - before).mean(1)
    return float(turned.float().mean()), float((own - usual).mean())


def strongest(found: Mapping[str, Effect]) -> str:
    """The change that turns most beyond its control, in units of what is asked of it."""
    return max(found, key=lambda name: found[name].beyond / USED[name])


def is_used(found: Mapping[str, Effect]) -> bool:
    """Whether any change turns more of the others than its control does, by what is asked of it, see `USED`."""
    name = strongest(found)
    return found[name].beyond >= USED[name]
