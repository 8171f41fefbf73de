"""What a group has that the rest of its class has not, done to samples of other classes.

Each change is an estimate from two sets of samples, applied to a third. What stays in place is laid over, what colours
or softens is matched, what moves is brought into line and laid anywhere, and what none of these catches is added
in a hidden layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from lrp.effect.network import Network

CERTAIN = 3.0  # deviations of an opacity's error, below which there is none
PATCH = 4  # a patch is a quarter of the image wide
ROUNDS = 4  # of bringing patches into line
BANDS = 8  # of spatial frequencies


class Groups(NamedTuple):
    """Samples as the model is given them."""

    inside: Tensor
    """Of a class: `(member, ...)`"""
    outside: Tensor
    """The rest of the class."""
    others: Tensor
    """Of other classes."""


Change = Callable[[Network, Groups, torch.Generator], Tensor]
"""The output for the changed `others`."""


def overlay(network: Network, groups: Groups, generator: torch.Generator) -> Tensor:
    """What stays in place, laid over: x' = mean_in + (1 - a) (x - mean_out), a the opacity of each place.

    Blending a colour over an image with opacity a makes its deviation (1 - a) times what it was; so
    a = 1 - sd_in / (c sd_out), where that is more than chance, else 0 and x' = x. c is the `contrast` of the group.
    """
    del generator
    return network.output(laid(groups, contrast(groups)))


def contrast(groups: Groups) -> Tensor:
    """sd_in / sd_out of the median place, at most 1: a group of dim images varies less everywhere and is no overlay.

    Args:
        groups: Of samples `(sample, ...)`.

    Returns:
        A number.

    Example:
        >>> import torch
        >>> outside = torch.rand(400, 1, 4, 4)
        >>> round(float(contrast(Groups(outside[:200] / 2, outside, outside))), 1)
        0.5
    """
    inside, outside = _variance(groups.inside), _variance(groups.outside)
    ratio = (inside / outside)[outside > 0].sqrt()
    return ratio.quantile(0.5).clamp(max=1.0) if len(ratio) else outside.new_ones(())


def laid(groups: Groups, usual: Tensor) -> Tensor:
    """The others with the overlay, see `overlay`.

    Args:
        groups: Of samples `(sample, channel, ...)`.
        usual: Their contrast.

    Returns:
        Of the others' shape.

    Example:
        >>> import torch
        >>> outside, others = torch.rand(400, 1, 1, 2), torch.rand(5, 1, 1, 2)
        >>> inside = torch.rand(200, 1, 1, 2) * torch.tensor([1.0, 0.0])  # the right pixel is black
        >>> found = laid(Groups(inside, outside, others), torch.ones(()))
        >>> bool((found[..., 0] == others[..., 0]).all()), bool(found[..., 1].abs().max() < 1e-6)
        (True, True)
    """
    inside, outside, others = groups
    opacity = 1 - (_variance(inside) / _variance(outside).clamp(min=1e-12)).sqrt() / usual.clamp(min=1e-6)
    opacity = torch.where(opacity > CERTAIN / (2 * len(inside)) ** 0.5, opacity, 0.0)
    over = inside.mean(0, keepdim=True) + (1 - opacity) * (others - outside.mean(0, keepdim=True))
    return torch.where(opacity > 0, over, others)


def _variance(samples: Tensor) -> Tensor:
    """Of each place; channels of a place have one opacity."""
    found = samples.var(0, keepdim=True)
    return found.mean(1, keepdim=True) if found.ndim > 2 else found


def colour(network: Network, groups: Groups, generator: torch.Generator) -> Tensor:
    """A cast: mean and deviation of each channel over all places, from the rest's to the group's."""
    del generator
    inside, outside, others = groups
    axes = [0, *range(2, inside.ndim)]
    scale = inside.std(axes, keepdim=True) / outside.std(axes, keepdim=True).clamp(min=1e-12)
    found = inside.mean(axes, keepdim=True) + scale * (others - outside.mean(axes, keepdim=True))
    return network.output(found.clamp(*_range(outside)))


def softness(network: Network, groups: Groups, generator: torch.Generator) -> Tensor:
    """Blur and compression: the amplitude of each band of spatial frequencies, from the rest's to the group's."""
    del generator
    inside, outside = groups[:2]
    axes = list(range(2, inside.ndim))
    spectra = [torch.fft.fftn(part, dim=axes) for part in groups]
    size = [torch.fft.fftfreq(n, device=inside.device) for n in inside.shape[2:]]
    radius = torch.stack(torch.meshgrid(*size, indexing="ij")).square().sum(0).sqrt()
    band = (radius / radius.max() * BANDS).ceil().long()  # 0 for the mean alone
    gain = torch.ones_like(radius)
    for number in range(1, BANDS + 1):
        power = [part[..., band == number].abs().square().mean() for part in spectra[:2]]
        gain[band == number] = (power[0] / power[1].clamp(min=1e-12)).sqrt()
    found = torch.fft.ifftn(spectra[2] * gain, dim=axes).real
    return network.output(found.clamp(*_range(outside)))


def patch(network: Network, groups: Groups, generator: torch.Generator) -> Tensor:
    """What moves: squares of the members, brought into line, are an overlay like one that stays; it is laid anywhere.

    First where an early layer differs most: its channels weighed by how far apart the two sides' maxima are, in
    deviations. Then where the mean square fits best, places of little variance counting most, some rounds.
    """
    inside, outside, others = groups
    size = (inside.shape[2] // PATCH, inside.shape[3] // PATCH)
    places = _peaks(network, groups, size)
    floor = 1e-2 * inside.var()
    for _ in range(ROUNDS):
        crops = _cut(inside, places, size)
        places = _matched(inside, crops.mean(0), 1 / (crops.var(0).mean(0) + floor))
    elsewhere = places[torch.randint(len(places), (len(outside),), generator=generator)]
    where = places[torch.randint(len(places), (len(others),), generator=generator)]
    crops = Groups(_cut(inside, places, size), _cut(outside, elsewhere, size), _cut(others, where, size))
    changed = others.clone()
    for image, (top, left), square in zip(changed, where.tolist(), laid(crops, contrast(groups)), strict=True):
        image[:, top : top + size[0], left : left + size[1]] = square
    return network.output(changed)


def _peaks(network: Network, groups: Groups, size: tuple[int, int]) -> Tensor:
    """`(member, 2)`, upper left corners of the squares around the largest weighed activation."""
    layer = network.layers[0]

    def maxima(values: Tensor) -> Tensor:
        return values.flatten(2).amax(2)

    inside, outside = (network.over(part, layer.name, maxima) for part in groups[:2])
    spread = ((inside.var(0) + outside.var(0)) / 2).sqrt()
    apart = (inside.mean(0) - outside.mean(0)).clamp(min=0) / spread.square().clamp(min=1e-12) * (spread > 0)
    found = network.over(groups.inside, layer.name, lambda values: (values * apart[:, None, None]).sum(1))
    at = torch.stack(torch.unravel_index(found.flatten(1).argmax(1), found.shape[1:]), 1)
    shape, grid = (torch.tensor(part, device=at.device) for part in (groups.inside.shape[2:], found.shape[1:]))
    corner = ((at + 0.5) * shape / grid).long() - torch.tensor(size, device=at.device) // 2
    return corner.clamp(min=torch.zeros_like(shape), max=shape - torch.tensor(size, device=at.device))


def _cut(images: Tensor, places: Tensor, size: tuple[int, int]) -> Tensor:
    windows = images.unfold(2, size[0], 1).unfold(3, size[1], 1)
    return windows[torch.arange(len(images)), :, places[:, 0], places[:, 1]]


def _matched(images: Tensor, template: Tensor, weight: Tensor) -> Tensor:
    """Where sum w (x - t)^2 is least, up to what is the same everywhere."""
    squares = torch.nn.functional.conv2d(images.square().sum(1, keepdim=True), weight[None, None])
    products = torch.nn.functional.conv2d(images, (weight * template)[None])
    cost = (squares - 2 * products)[:, 0]
    return torch.stack(torch.unravel_index(cost.flatten(1).argmin(1), cost.shape[1:]), 1)


def direction(network: Network, groups: Groups, generator: torch.Generator) -> Tensor:
    """What none of these catches: the difference of the two sides' means, added to the middle layer's values."""
    del generator
    layer = network.layers[len(network.layers) // 2].name
    inside, outside = (network.over(part, layer, lambda values: values).mean(0) for part in groups[:2])
    return network.shifted(groups.others, layer, inside - outside)


def _range(values: Tensor) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _are_numbers(network: Network, x: Tensor) -> bool:
    del network
    return x.is_floating_point()


def _are_images(network: Network, x: Tensor) -> bool:
    return _are_numbers(network, x) and x.ndim == 4


def _have_places(network: Network, x: Tensor) -> bool:
    """Whether an early layer's channels have places, as a convolution's."""
    if not (network.layers and _are_images(network, x)):
        return False
    first = network.layers[0]
    return first.axis == 1 and network.graph.find(first.name).meta["val"].ndim == 4


def _have_layers(network: Network, x: Tensor) -> bool:
    del x
    return bool(network.layers)


CHANGES: Mapping[str, tuple[Change, Callable[[Network, Tensor], bool]]] = {
    "overlay": (overlay, _are_numbers),
    "colour": (colour, _are_images),
    "softness": (softness, _are_images),
    "patch": (patch, _have_places),
    "direction": (direction, _have_layers),
}
"""Each change, and whether it can be done to such samples."""
