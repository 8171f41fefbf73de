"""The memory layout that convolutions of images run in: where the channels lie last, a CPU is often faster.

It computes float32 so in half to all of the time, see `bench.attribution`, and half precision gains anywhere. But it
then adds the products of wide kernels one by one, with several times the rounding error. So networks of mostly thin
kernels, ResNet-50 and later ones, run so, and VGG does not, nor does a compiler choose it there.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from lrp.transform.assignment import Plan


def is_thin(plan: Plan) -> bool:
    """Whether most convolutions have kernels of size 1 or a kernel for each channel."""
    weights = [op.roles["weight"] for op in plan.ops.values() if op.family == "convolution" and "weight" in op.roles]
    shapes = [weight.meta["val"].shape for weight in weights]
    return 0 < len(shapes) <= 2 * sum(math.prod(shape[2:]) == 1 or shape[1] == 1 for shape in shapes)


def channels_last(weight: Any) -> Any:
    """A convolution's weight so that the activations follow it into this layout; anything else as it is."""
    if not isinstance(weight, Tensor) or weight.ndim not in (4, 5):
        return weight
    if weight.dtype not in (torch.float16, torch.bfloat16, *[torch.float32] * (weight.device.type == "cpu")):
        return weight
    return weight.movedim(1, -1).contiguous().movedim(-1, 1)  # memory_format is not known to vmap
