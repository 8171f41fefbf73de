"""Small networks around one operator each, with a surrogate whose gradient times input is their LRP-epsilon.

Where the operator is linear, moves values or picks winners, the surrogate is the operator itself (Ancona et al. 2018,
arXiv:1711.06104: LRP-epsilon of a network of ReLUs without biases is input times gradient). Elsewhere it holds constant
what the rule holds constant: an activation's slope f(x) / x, a gate, a statistic, half of a product.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH, LENGTH = 4, 6  # channels and places of what the operator is given, (batch, 4, 6)


def held(f):
    """An elementwise function as x times the slope that it has at x."""
    return lambda x: x * (f(x) / x).detach()


def half(product):
    """A product of two values, each of which has half of it."""
    return lambda a, b: (product(a, b.detach()) + product(a.detach(), b)) / 2


class Around(nn.Module):
    """conv -> the operator -> ReLU -> dense, without biases."""

    def __init__(self, operator, out: int):
        super().__init__()
        self.conv = nn.Conv1d(2, WIDTH, 3, padding=1, bias=False)
        self.operator = operator
        self.head = nn.Linear(out, 3, bias=False)

    def forward(self, x):
        return self.head(torch.relu(self.operator(self.conv(x)).flatten(1)))


def network(operator, seed: int = 0) -> Around:
    torch.manual_seed(seed)
    out = operator(torch.zeros(2, WIDTH, LENGTH, dtype=torch.float64)).flatten(1).shape[1]
    return Around(operator, out).double().eval()


@cache
def matrix(*shape: int) -> Tensor:
    """The same numbers every time; made before a trace, which cannot make them."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


def images(x):
    """(batch, 4, 6) as (batch, 2, 4, 3): images of two channels."""
    return x.reshape(-1, 2, 4, 3)


def volumes(x):
    return x.reshape(-1, 1, 2, 4, 3)


def assigned(x):
    y = torch.zeros_like(x)
    y[:, 1:] = 2 * x[:, :-1]
    y[:, 0, 2] = x[:, 1, 0]
    return y


index = torch.tensor([2, 0, 2])
EVEN, ODD = slice(None, None, 2), slice(1, None, 2)

LINEAR = {
    "linear": lambda x: F.linear(x, matrix(5, 6)),
    "matmul": lambda x: x @ matrix(6, 5),
    "matmul from the left": lambda x: matrix(5, 4) @ x,
    "mm": lambda x: torch.mm(x.flatten(1), matrix(24, 5)),
    "mv": lambda x: torch.mv(x.flatten(1), matrix(24))[:, None],
    "bmm": lambda x: torch.bmm(x, matrix(1, 6, 5).expand(x.shape[0], 6, 5)),
    "addmm": lambda x: torch.addmm(torch.zeros(5, dtype=x.dtype), x.flatten(1), matrix(24, 5)),
    "addmm, beta 0": lambda x: torch.addmm(matrix(5), x.flatten(1), matrix(24, 5), beta=0, alpha=2),
    "addmm, two signals": lambda x: torch.addmm(x[:, 0], x[:, 1], matrix(6, 6), beta=3, alpha=0.5),
    "baddbmm": lambda x: torch.baddbmm(x, x, matrix(1, 6, 6).expand(x.shape[0], 6, 6), beta=2, alpha=-1),
    "einsum": lambda x: torch.einsum("bcl,lk->bck", x, matrix(6, 5)),
    "tensordot": lambda x: torch.tensordot(x, matrix(6, 5), 1),
    "conv1d": lambda x: F.conv1d(x, matrix(4, 2, 3), stride=2, padding=1, groups=2),
    "conv1d same": lambda x: F.conv1d(x, matrix(2, 4, 3), padding="same", dilation=2),
    "conv2d": lambda x: F.conv2d(images(x), matrix(3, 2, 2, 2), padding=(1, 0)),
    "conv3d": lambda x: F.conv3d(volumes(x), matrix(3, 1, 2, 2, 2)),
    "conv_transpose1d": lambda x: F.conv_transpose1d(x, matrix(4, 3, 3), stride=2, output_padding=1),
    "conv_transpose2d": lambda x: F.conv_transpose2d(images(x), matrix(2, 3, 2, 2), groups=1, dilation=2),
    "conv_transpose3d": lambda x: F.conv_transpose3d(volumes(x), matrix(1, 2, 2, 2, 2)),
    "add": lambda x: x + x.flip(2),
    "add, alpha": lambda x: torch.add(x, x.flip(2), alpha=0.5),
    "add itself": lambda x: x + x,
    "sub": lambda x: x - 0.5 * x.roll(1, 2),
    "rsub": lambda x: torch.rsub(x, x.roll(1, 2), alpha=0.5),
    "neg": lambda x: -x,
    "factor": lambda x: x * 3,
    "factor, tensor": lambda x: x * matrix(4, 1),
    "over a number": lambda x: x / 3,
    "addcmul": lambda x: torch.addcmul(x, x.flip(2), matrix(6), value=0.5),
    "addcdiv": lambda x: torch.addcdiv(x, x.flip(2), matrix(6).abs() + 1, value=0.5),
    "lerp": lambda x: torch.lerp(x, x.flip(2), 0.3),
    "lerp, tensor": lambda x: torch.lerp(x, x.flip(2), matrix(6).sigmoid()),
    "sum": lambda x: x.sum(2),
    "sum, keepdim": lambda x: x.sum((1, 2), keepdim=True),
    "mean": lambda x: x.mean((1, 2), keepdim=True),
    "cumsum": lambda x: x.cumsum(1),
    "index_add": lambda x: x.index_add(1, index, x[:, :3], alpha=2),
    "scatter_add": lambda x: x.scatter_add(
        2, torch.zeros(1, 4, 3, dtype=torch.long).expand(x.shape[0], 4, 3), x[..., 3:]
    ),
    "index_put, accumulate": lambda x: x.index_put(
        (torch.arange(x.shape[0])[:, None], index), x[:, :3], accumulate=True
    ),
    "fold that overlaps": lambda x: F.fold(F.unfold(images(x), 3, padding=1), (4, 3), 3, padding=1),
    "diff": lambda x: x.diff(dim=2),
    "avg_pool1d": lambda x: F.avg_pool1d(x, 3, 2, padding=1),
    "avg_pool2d": lambda x: F.avg_pool2d(images(x), 2, padding=1, count_include_pad=False, ceil_mode=True),
    "avg_pool3d": lambda x: F.avg_pool3d(volumes(x), 2, divisor_override=3),
    "adaptive_avg_pool1d": lambda x: F.adaptive_avg_pool1d(x, 4),
    "adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(images(x), (3, 2)),
    "adaptive_avg_pool3d": lambda x: F.adaptive_avg_pool3d(volumes(x), (1, 3, 2)),
    **{
        f"interpolate {m}": lambda x, m=m: F.interpolate(x, size=9, mode=m)
        for m in ("nearest", "linear", "nearest-exact")
    },
    **{
        f"interpolate {m}": lambda x, m=m: F.interpolate(images(x), size=(7, 5), mode=m)
        for m in ("bilinear", "bicubic")
    },
    **{
        f"interpolate {m}, antialiased": lambda x, m=m: F.interpolate(images(x), size=(2, 2), mode=m, antialias=True)
        for m in ("bilinear",)
    },
    "interpolate trilinear": lambda x: F.interpolate(volumes(x), scale_factor=2, mode="trilinear", align_corners=True),
    "grid_sample": lambda x: F.grid_sample(
        images(x), matrix(1, 3, 3, 2).sigmoid().expand(x.shape[0], 3, 3, 2), align_corners=False
    ),
    "batch_norm": lambda x: F.batch_norm(x, torch.zeros(4).double(), torch.ones(4).double() * 2, matrix(4)),
    "instance_norm, running": lambda x: F.instance_norm(
        x, torch.zeros(4).double(), torch.ones(4).double() * 2, matrix(4), use_input_stats=False
    ),
}
"""Operators that are linear in what they are given."""

MOVED = {
    "view": lambda x: x.view(x.shape[0], -1),
    "reshape": lambda x: x.transpose(1, 2).reshape(x.shape[0], 4, 6),
    "unflatten": lambda x: x.unflatten(2, (2, 3)),
    "squeeze": lambda x: x[:, :1].squeeze(1),
    "unsqueeze": lambda x: x.unsqueeze(2),
    "expand": lambda x: x[:, :1].expand(-1, 3, -1),
    "expand_as": lambda x: x[:, :1].expand_as(x),
    "permute": lambda x: x.permute(0, 2, 1),
    "swapaxes": lambda x: x.swapaxes(1, 2),
    "movedim": lambda x: x.movedim(1, 2),
    "rot90": lambda x: x.rot90(1, (1, 2)),
    "roll": lambda x: x.roll((1, 2), (1, 2)),
    "flip": lambda x: x.flip(1, 2),
    "select": lambda x: x[:, 1],
    "slice": lambda x: x[:, 1:, EVEN],
    "split": lambda x: torch.cat(x.split([1, 3], 1)[::-1], 1),
    "chunk": lambda x: x.chunk(2, 2)[1],
    "unbind": lambda x: torch.stack(x.unbind(1)[:2], 2),
    "narrow": lambda x: x.narrow(2, 1, 3),
    "index": lambda x: x[:, [0, 2, 2]],
    "index by a mask": lambda x: x[:, torch.tensor([True, False, True, True])],
    "index_select": lambda x: x.index_select(2, index),
    "gather": lambda x: x.gather(2, torch.ones(1, 4, 2, dtype=torch.long).expand(x.shape[0], 4, 2)),
    "cat": lambda x: torch.cat([x, 2 * x], 2),
    "cat with itself": lambda x: torch.cat([x, x], 2),
    "stack": lambda x: torch.stack([x, x.flip(2)], 1),
    "hstack": lambda x: torch.hstack([x, x]),
    "vstack": lambda x: torch.vstack([x[:, 0].T, x[:, 1].T]).T,
    "dstack": lambda x: torch.dstack([x, x]),
    "column_stack": lambda x: torch.column_stack([x[:, 0], x[:, 1]]),
    "repeat": lambda x: x.repeat(1, 2, 1),
    "tile": lambda x: x.tile(1, 1, 2),
    "repeat_interleave": lambda x: x.repeat_interleave(2, 1),
    "tril": lambda x: x.tril(),
    "triu": lambda x: x.triu(1),
    "diagonal": lambda x: x.diagonal(dim1=1, dim2=2),
    "diag_embed": lambda x: x[:, 0].diag_embed(),
    "pad": lambda x: F.pad(x, (1, -1)),
    "pad reflect": lambda x: F.pad(x, (1, 1), mode="reflect"),
    "pad replicate": lambda x: F.pad(images(x), (1, 1, 0, 1), mode="replicate"),
    "pad circular": lambda x: F.pad(x, (1, 1), mode="circular"),
    "pixel_shuffle": lambda x: F.pixel_shuffle(x.reshape(-1, 4, 2, 3), 2),
    "pixel_unshuffle": lambda x: F.pixel_unshuffle(x.reshape(-1, 1, 4, 6), 2),
    "channel_shuffle": lambda x: F.channel_shuffle(x[..., None], 2),
    "unfold": lambda x: x.unfold(2, 3, 1),
    "unfold of images": lambda x: F.unfold(images(x), 2),
    "fold": lambda x: F.fold(F.unfold(images(x), (2, 3), stride=(2, 3)), (4, 3), (2, 3), stride=(2, 3)),
    "masked_fill": lambda x: x.masked_fill(torch.arange(6) > 3, 0.0),
    "where": lambda x: torch.where(torch.arange(6) > 3, x, x.flip(2)),
    "assignment": assigned,
    "slice_scatter": lambda x: x.slice_scatter(x[:, :, ODD], 2, 0, 6, 2),
    "select_scatter": lambda x: x.select_scatter(x[:, :, 1], 2, 0),
    "index_put": lambda x: x.index_put((torch.arange(x.shape[0])[:, None], index[:2]), x[:, :2]),
    "index_copy": lambda x: x.index_copy(1, index[:2], x[:, 2:]),
    "scatter": lambda x: x.scatter(2, torch.ones(1, 4, 1, dtype=torch.long).expand(x.shape[0], 4, 1), x[..., 4:5]),
    "masked_scatter": lambda x: x.masked_scatter((torch.arange(6) > 3).expand_as(x), x.flip(2)),
    "sort": lambda x: x.sort(2)[0],
    "type_as": lambda x: x.type_as(matrix(1)),
    "to": lambda x: x.to(torch.float64).contiguous().clone(),
    "dropout": lambda x: F.dropout(x, 0.5, training=False),
    "max_pool1d": lambda x: F.max_pool1d(x, 3, 2, padding=1),
    "max_pool2d": lambda x: F.max_pool2d(images(x), 2, ceil_mode=True),
    "max_pool3d": lambda x: F.max_pool3d(volumes(x), 2),
    "adaptive_max_pool1d": lambda x: F.adaptive_max_pool1d(x, 4),
    "adaptive_max_pool2d": lambda x: F.adaptive_max_pool2d(images(x), 2),
    "amax": lambda x: x.amax(2),
    "amin": lambda x: x.amin((1, 2), keepdim=True),
    "max": lambda x: x.max(2)[0],
    "min": lambda x: x.min(1)[0],
    "maximum": lambda x: torch.maximum(x, x.flip(2)),
    "minimum": lambda x: torch.minimum(x, x.flip(2)),
    "topk": lambda x: x.topk(3, 2)[0],
    "median": lambda x: x.median(2)[0],
    "kthvalue": lambda x: x.kthvalue(2, 2)[0],
    "cummax": lambda x: x.cummax(2)[0],
    "norm": lambda x: x.norm(dim=2),
    "norm, p = 1": lambda x: x.norm(p=1, dim=2),
    "std": lambda x: x.std(2),
    "relu": F.relu,
    "leaky by maximum": lambda x: torch.maximum(x, 0.1 * x),
}
"""Operators that move values, pick winners, or are homogeneous of degree one."""


def attention(x, **options):
    """Four heads of queries, of two channels and six places each."""
    q = x.reshape(-1, 4, 3, 2)
    return F.scaled_dot_product_attention(q, 2 * q.flip(2), q.flip(3), **options)


def gelu_by_tanh(x):
    return x * 0.5 * (1.0 + torch.tanh(0.79788456 * x * (1 + 0.044715 * x * x)))


def with_scale_held(scale):
    """x times a statistic of x that counts as a constant."""
    return (lambda x: x * scale(x)), (lambda x: x * scale(x).detach())


def layer_norm(x):
    return (x - x.mean(2, keepdim=True)) / (x.var(2, keepdim=True, unbiased=False) + 1e-5).sqrt().detach()


def gated(x):
    return x[:, :2] * x[:, 2:].sigmoid()


ACTIVATIONS = {
    **{
        name: getattr(F, name)
        for name in (
            "relu6 leaky_relu elu selu celu gelu silu mish hardswish hardtanh softplus hardsigmoid logsigmoid softsign "
            "tanhshrink hardshrink softshrink sigmoid tanh"
        ).split()
    },
    **{
        name: getattr(torch, name)
        for name in "exp expm1 exp2 sin cos tan sinh cosh atan asinh erf erfc square abs sinc".split()
    },
    "log1p": lambda x: torch.log1p(x.exp()),
    "sqrt": lambda x: (x.abs() + 0.5).sqrt(),
    "gelu, tanh": lambda x: F.gelu(x, approximate="tanh"),
    "gelu by tanh": gelu_by_tanh,
    "gelu by pow": lambda x: 0.5 * x * (1 + torch.tanh(0.8 * (x + 0.0447 * torch.pow(x, 3.0)))),
    "gelu by erf": lambda x: x * 0.5 * (1 + torch.erf(x / 2**0.5)),
    "quick gelu": lambda x: x * torch.sigmoid(1.702 * x),
    "silu by exp": lambda x: x / (1 + torch.exp(-x)),
    "mish by parts": lambda x: x * torch.tanh(torch.log(1 + torch.exp(x))),
    "hardswish by parts": lambda x: x * F.relu6(x + 3) / 6,
    "hardsigmoid by clip": lambda x: torch.clip(x / 6 + 0.5, 0, 1),
    "elu by where": lambda x: torch.where(x > 0, x, torch.exp(x) - 1),
    "threshold": lambda x: F.threshold(x, 0.2, 0.0),
    "clamp": lambda x: x.clamp(-0.3, 0.6),
    "clip": lambda x: x.clip(max=0.5),
    "prelu": lambda x: F.prelu(x, torch.tensor([0.1]).double()),
    "rrelu": lambda x: F.rrelu(x, training=False),
    "pow": lambda x: x.pow(3),
    "pow of a number": lambda x: torch.pow(2.0, x),
    "square by hand": lambda x: x * x,
    "cube by hand": lambda x: x * x * x,
    "star relu": lambda x: 0.9 * torch.relu(x) ** 2 - 0.4,
    "reciprocal": lambda x: 1 / (2 + x.square()),
    "2 sigmoid - 1": lambda x: 2 * torch.sigmoid(x) - 1,
}
"""Elementwise functions: each passes its relevance on."""

CURVED = {
    "layer_norm": (lambda x: F.layer_norm(x, (6,)), layer_norm),
    "layer_norm by hand": (
        lambda x: (x - x.mean(2, keepdim=True)) / (x.std(2, keepdim=True)),
        lambda x: (x - x.mean(2, keepdim=True)) / x.std(2, keepdim=True).detach(),
    ),
    "layer_norm by parts": (
        lambda x: (d := x - x.mean(2, keepdim=True)) / ((d * d).mean(2, keepdim=True) + 1e-5).sqrt(),
        layer_norm,
    ),
    "rms_norm": (
        lambda x: F.rms_norm(x, (6,), eps=1e-6),
        lambda x: x * (x.square().mean(2, keepdim=True) + 1e-6).rsqrt().detach(),
    ),
    "rms_norm by parts": with_scale_held(lambda x: torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)),
    "rms_norm, division": (
        lambda x: x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-6),
        lambda x: x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-6).detach(),
    ),
    "l2 normalize": (
        lambda x: F.normalize(x, dim=2),
        lambda x: x / x.norm(dim=2, keepdim=True).clamp_min(1e-12).detach(),
    ),
    "l1 scale": with_scale_held(lambda x: 1 / (x.abs().sum(2, keepdim=True) + 1)),
    "response normalization": (
        lambda x: x * ((g := x.norm(dim=2, keepdim=True)) / (g.mean(1, keepdim=True) + 1e-6)) + x,
        lambda x: (
            x * (x.norm(dim=2, keepdim=True) / (x.norm(dim=2, keepdim=True).mean(1, keepdim=True) + 1e-6)).detach() + x
        ),
    ),
    "local response": (lambda x: F.local_response_norm(x, 3), lambda x: x * (F.local_response_norm(x, 3) / x).detach()),
    "group_norm": (lambda x: F.group_norm(x, 2), lambda x: layer_norm(x.reshape(-1, 2, 12)).reshape(x.shape)),
    "instance_norm": (F.instance_norm, layer_norm),
    "glu": (lambda x: F.glu(x, 1), lambda x: x[:, :2] * x[:, 2:].sigmoid().detach()),
    "gate": (gated, lambda x: x[:, :2] * x[:, 2:].sigmoid().detach()),
    "gate, 1 - z": (
        lambda x: x[:, :2] * (1 - x[:, 2:].sigmoid()),
        lambda x: x[:, :2] * (1 - x[:, 2:].sigmoid()).detach(),
    ),
    "tanh times sigmoid": (
        lambda x: torch.tanh(x[:, :2]) * x[:, 2:].sigmoid(),
        lambda x: held(torch.tanh)(x[:, :2]) * x[:, 2:].sigmoid().detach(),
    ),
    "squeeze, excite": (
        lambda x: x * x.mean(2, keepdim=True).sigmoid(),
        lambda x: x * x.mean(2, keepdim=True).sigmoid().detach(),
    ),
    "product": (lambda x: x[:, :2] * x[:, 2:], lambda x: half(torch.mul)(x[:, :2], x[:, 2:])),
    "ratio": (lambda x: x[:, :2] / (x[:, 2:].abs() + 1), lambda x: x[:, :2] / (x[:, 2:].abs() + 1).detach()),
    "lerp by a gate": (
        lambda x: torch.lerp(x[:, :2], x[:, 2:], x[:, :2].sigmoid()),
        lambda x: torch.lerp(x[:, :2], x[:, 2:], x[:, :2].sigmoid().detach()),
    ),
    "matmul of two": (
        lambda x: x @ x.flip(1).transpose(1, 2),
        lambda x: half(torch.matmul)(x, x.flip(1).transpose(1, 2)),
    ),
    "einsum of one": (
        lambda x: torch.einsum("bcl,bdl->bcd", x, x),
        lambda x: half(lambda a, b: torch.einsum("bcl,bdl->bcd", a, b))(x, x),
    ),
    "baddbmm of three": (
        lambda x: torch.baddbmm(x[:, :, :4], x, x.transpose(1, 2), beta=2),
        lambda x: 2 * x[:, :, :4] + half(torch.bmm)(x, x.transpose(1, 2)),
    ),
    "linear, computed weight": (
        lambda x: F.linear(x, x[0], x[0, :, 0]),
        lambda x: half(lambda a, w: F.linear(a, w))(x, x[0]) + x[0, :, 0],
    ),
    "cosine": (
        lambda x: F.cosine_similarity(x, x.flip(2), dim=2),
        lambda x: half(lambda a, b: (a * b).sum(2))(x, x.flip(2)) / (x.norm(dim=2) * x.flip(2).norm(dim=2)).detach(),
    ),
    "logsumexp": (lambda x: x.logsumexp(2), None),
    "softmax": (lambda x: x.softmax(2), None),
    "log_softmax": (lambda x: x.log_softmax(2), None),
    "adaptive layer_norm": (
        lambda x: F.layer_norm(x, (6,), weight=x[0, 0], bias=x[0, 1]),
        lambda x: half(torch.mul)(layer_norm(x), x[0, 0]) + x[0, 1],
    ),
}
"""Operators that are not linear, with what their rule makes of them; None where it is no gradient of anything."""
