"""Every module of `torch.nn`, function of `torch.nn.functional` and method of a tensor that takes one tensor, made."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH, PLACES = 4, 6
Operator = Callable[[Tensor], Any]


def images(x: Tensor) -> Tensor:
    return x.reshape(-1, 2, 4, 3)


def volumes(x: Tensor) -> Tensor:
    return x.reshape(-1, 2, 2, 2, 3)


def pictures(x: Tensor) -> Tensor:
    return x.reshape(-1, 4, 2, 3)


MODULES: dict[str, tuple[tuple[Any, ...], dict[str, Any], Callable[[Tensor], Tensor] | None]] = {
    "AdaptiveAvgPool1d": ((3,), {}, None),
    "AdaptiveAvgPool2d": ((2,), {}, images),
    "AdaptiveAvgPool3d": ((2,), {}, volumes),
    "AdaptiveMaxPool1d": ((3,), {}, None),
    "AdaptiveMaxPool2d": ((2,), {}, images),
    "AdaptiveMaxPool3d": ((2,), {}, volumes),
    "AvgPool1d": ((2,), {}, None),
    "AvgPool2d": ((2,), {}, images),
    "AvgPool3d": ((2,), {}, volumes),
    "BatchNorm1d": ((4,), {}, None),
    "BatchNorm2d": ((2,), {}, images),
    "BatchNorm3d": ((2,), {}, volumes),
    "ChannelShuffle": ((2,), {}, pictures),
    "CircularPad1d": ((1,), {}, None),
    "CircularPad2d": ((1,), {}, images),
    "CircularPad3d": ((1,), {}, volumes),
    "ConstantPad1d": ((1, 0.5), {}, None),
    "ConstantPad2d": ((1, 0.5), {}, images),
    "ConstantPad3d": ((1, 0.5), {}, volumes),
    "Conv1d": ((4, 3, 2), {}, None),
    "Conv2d": ((2, 3, 2), {}, images),
    "Conv3d": ((2, 3, 2), {}, volumes),
    "ConvTranspose1d": ((4, 3, 2), {}, None),
    "ConvTranspose2d": ((2, 3, 2), {}, images),
    "ConvTranspose3d": ((2, 3, 2), {}, volumes),
    "Fold": (((3, 3), (2, 2)), {"padding": 0}, lambda x: x.reshape(-1, 24, 1).repeat(1, 1, 4)[:, :24]),
    "FractionalMaxPool2d": ((2,), {"output_size": 2}, images),
    "FractionalMaxPool3d": ((2,), {"output_size": 1}, volumes),
    "GRU": ((6, 3), {"batch_first": True}, None),
    "GRUCell": ((24, 3), {}, lambda x: x.flatten(1)),
    "GroupNorm": ((2, 4), {}, None),
    "InstanceNorm1d": ((4,), {}, None),
    "InstanceNorm2d": ((2,), {}, images),
    "InstanceNorm3d": ((2,), {}, volumes),
    "LPPool1d": ((2, 2), {}, None),
    "LPPool2d": ((2, 2), {}, images),
    "LPPool3d": ((2, 2), {}, volumes),
    "LSTM": ((6, 3), {"batch_first": True}, None),
    "LSTMCell": ((24, 3), {}, lambda x: x.flatten(1)),
    "LayerNorm": ((6,), {}, None),
    "Linear": ((6, 3), {}, None),
    "LocalResponseNorm": ((2,), {}, None),
    "MaxPool1d": ((2,), {}, None),
    "MaxPool2d": ((2,), {}, images),
    "MaxPool3d": ((2,), {}, volumes),
    "PixelShuffle": ((2,), {}, pictures),
    "PixelUnshuffle": ((2,), {}, lambda x: x.reshape(-1, 1, 4, 6)),
    "RMSNorm": ((6,), {}, None),
    "SyncBatchNorm": ((2,), {}, images),
    "RNN": ((6, 3), {"batch_first": True}, None),
    "RNNCell": ((24, 3), {}, lambda x: x.flatten(1)),
    "ReflectionPad1d": ((1,), {}, None),
    "ReflectionPad2d": ((1,), {}, images),
    "ReflectionPad3d": ((1,), {}, volumes),
    "ReplicationPad1d": ((1,), {}, None),
    "ReplicationPad2d": ((1,), {}, images),
    "ReplicationPad3d": ((1,), {}, volumes),
    "LogSoftmax": ((-1,), {}, None),
    "Softmax": ((-1,), {}, None),
    "Softmin": ((-1,), {}, None),
    "Softmax2d": ((), {}, images),
    "Threshold": ((0.1, 0.0), {}, None),
    "TransformerEncoderLayer": ((6, 2, 8), {"batch_first": True}, None),
    "Unflatten": ((1, (2, 2)), {}, None),
    "Unfold": ((2,), {}, images),
    "Upsample": ((), {"scale_factor": 2}, None),
    "UpsamplingBilinear2d": ((), {"scale_factor": 2}, images),
    "UpsamplingNearest2d": ((), {"scale_factor": 2}, images),
    "ZeroPad1d": ((1,), {}, None),
    "ZeroPad2d": ((1,), {}, images),
    "ZeroPad3d": ((1,), {}, volumes),
}
"""How modules are made that need arguments, and what they are given."""

NO_MODULES = {
    "Module LinearCrossEntropyOptions": "the class of all modules",
    "Container Sequential ModuleList ModuleDict ParameterList ParameterDict": "hold others",
    "Bilinear CosineSimilarity PairwiseDistance": "take two tensors",
    "MultiheadAttention Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder": "take several or "
    "layers; attention is in the operator sweep",
    "MaxUnpool1d MaxUnpool2d MaxUnpool3d": "take indices",
    "Embedding EmbeddingBag": "take integers: test_lookups.py",
    "RNNBase RNNCellBase": "have no forward",
    "AdaptiveLogSoftmaxWithLoss CrossMapLRN2d": "takes a target, is a leftover of old PyTorch",
    "LazyBatchNorm1d": "lazy ones become others",
}
"""What is left out, and why; losses and lazy modules too."""

FUNCTIONS: dict[str, Callable[[Tensor], Any]] = {
    "adaptive_avg_pool1d": lambda x: F.adaptive_avg_pool1d(x, 3),
    "adaptive_max_pool1d": lambda x: F.adaptive_max_pool1d(x, 3),
    "affine_grid": lambda x: F.affine_grid(x.flatten(1)[:, :6].reshape(-1, 2, 3), [x.shape[0], 1, 2, 2]),
    "alpha_dropout": lambda x: F.alpha_dropout(x, training=False),
    "avg_pool1d": lambda x: F.avg_pool1d(x, 2),
    "celu": F.celu,
    "channel_shuffle": lambda x: F.channel_shuffle(pictures(x), 2),
    "dropout": lambda x: F.dropout(x, training=False),
    "dropout1d": lambda x: F.dropout1d(x, training=False),
    "dropout2d": lambda x: F.dropout2d(images(x), training=False),
    "dropout3d": lambda x: F.dropout3d(volumes(x), training=False),
    "feature_alpha_dropout": lambda x: F.feature_alpha_dropout(x, training=False),
    "fold": lambda x: F.fold(x.reshape(-1, 4, 6), (3, 4), (2, 2)),
    "glu": F.glu,
    "group_norm": lambda x: F.group_norm(x, 2),
    "gumbel_softmax": lambda x: F.gumbel_softmax(x, dim=-1),
    "hardshrink": F.hardshrink,
    "instance_norm": F.instance_norm,
    "interpolate": lambda x: F.interpolate(x, scale_factor=2.0, mode="linear"),
    "layer_norm": lambda x: F.layer_norm(x, (6,)),
    "local_response_norm": lambda x: F.local_response_norm(x, 2),
    "log_softmax": lambda x: F.log_softmax(x, -1),
    "lp_pool1d": lambda x: F.lp_pool1d(x, 2.0, 2),
    "max_pool1d": lambda x: F.max_pool1d(x, 2),
    "normalize": F.normalize,
    "pad": lambda x: F.pad(x, (1, 1)),
    "pdist": lambda x: x.flatten(1)[:, :2] * 0 + F.pdist(x.flatten(1)).sum(),
    "pixel_shuffle": lambda x: F.pixel_shuffle(pictures(x), 2),
    "pixel_unshuffle": lambda x: F.pixel_unshuffle(x.reshape(-1, 1, 4, 6), 2),
    "rms_norm": lambda x: F.rms_norm(x, (6,)),
    "rrelu": F.rrelu,
    "softmax": lambda x: F.softmax(x, -1),
    "softmin": lambda x: F.softmin(x, -1),
    "threshold": lambda x: F.threshold(x, 0.1, 0.0),
    "unfold": lambda x: F.unfold(images(x), 2),
    "upsample": lambda x: F.upsample(x, scale_factor=2),
    "upsample_bilinear": lambda x: F.upsample_bilinear(images(x), scale_factor=2),
    "upsample_nearest": lambda x: F.upsample_nearest(images(x), scale_factor=2),
}
"""Functions that need more than the tensor; those that do not are called as they are. The rest of the module takes
several tensors: losses, convolutions with their weights, attention, all of them in the operator sweep."""

METHODS: dict[str, tuple[Any, ...]] = {
    "amax": (1,),
    "amin": (1,),
    "broadcast_to": ((2, 3, 4, 6),),
    "chunk": (2, 1),
    "clamp": (0.1, 0.5),
    "clamp_max": (0.4,),
    "clamp_min": (0.1,),
    "clip": (0.1, 0.5),
    "cummax": (1,),
    "cummin": (1,),
    "cumprod": (1,),
    "cumsum": (1,),
    "diag_embed": (),
    "diff": (),
    "expand": (-1, 4, 6),
    "flip": (1,),
    "float_power": (2,),
    "fmod": (0.3,),
    "index_fill": (1, torch.tensor([1]), 0.5),
    "index_select": (1, torch.tensor([2, 0])),
    "kthvalue": (2,),
    "logcumsumexp": (1,),
    "logsumexp": (1,),
    "log_softmax": (-1,),
    "masked_fill": (torch.eye(4, 6) > 0, 0.5),
    "movedim": (1, 2),
    "moveaxis": (1, 2),
    "mvlgamma": (1,),
    "narrow": (1, 0, 2),
    "norm": (2, 1),
    "permute": (0, 2, 1),
    "polygamma": (1,),
    "pow": (3,),
    "prod": (1,),
    "quantile": (0.3, 1),
    "nanquantile": (0.3, 1),
    "remainder": (0.3,),
    "renorm": (2, 1, 0.5),
    "repeat": (1, 2, 1),
    "repeat_interleave": (2, 1),
    "reshape": (-1, 12),
    "roll": (1, 1),
    "select": (1, 2),
    "softmax": (-1,),
    "split": (2, 1),
    "std": (1,),
    "sum": (1,),
    "swapaxes": (1, 2),
    "swapdims": (1, 2),
    "tensor_split": (2, 1),
    "tile": (1, 2, 1),
    "topk": (2,),
    "transpose": (1, 2),
    "tril": (1,),
    "triu": (1,),
    "unbind": (1,),
    "unflatten": (1, (2, 2)),
    "unfold": (2, 3, 1),
    "unsqueeze": (1,),
    "var": (1,),
    "view": (-1, 4, 2, 3),
    "mean": (1,),
    "median": (1,),
    "mode": (1,),
    "max": (1,),
    "min": (1,),
    "sort": (1,),
    "logit": (1e-3,),
    "rot90": (1, (1, 2)),
    "nansum": (1,),
    "nanmean": (1,),
    "aminmax": (),
    "argsort": (1,),
    "flatten": (1,),
    "squeeze": (),
    "cov": (),
    "corrcoef": (),
    "fill_diagonal": (0.0,),
    "hardshrink": (),
    "xlogy": (2.0,),
    "lerp": (torch.zeros(4, 6), 0.3),
    "hypot": (torch.ones(4, 6),),
    "atan2": (torch.ones(4, 6),),
    "copysign": (torch.ones(4, 6),),
    "maximum": (torch.full((4, 6), 0.2),),
    "minimum": (torch.full((4, 6), 0.2),),
    "dist": (torch.zeros(4, 6),),
    "cross": (torch.ones(4, 6)[:, :3],),
}
"""Methods that need more than the tensor."""

NO_METHODS = {
    "aminmax": "returns a named pair of numbers, not of samples",
    "cov corrcoef trace t adjoint": "mix samples, or take matrices alone",
    "to_sparse to_sparse_coo to_sparse_csc to_sparse_csr": "give sparse tensors, which no layer behind takes",
    "float half bfloat16 dequantize": "give another type, which the layer behind does not take",
    "bernoulli": "takes probabilities; draws are in test_draws.py",
    "detach": "has no gradient to compare with: relevance passes it",
}
"""What is left out, and why."""


def modules() -> Iterator[tuple[str, Operator]]:
    left_out = {name for names in NO_MODULES for name in names.split()}
    for name in sorted(nn.modules.__all__):
        made = getattr(nn, name)
        if name in left_out or "Loss" in name or name.startswith("Lazy") or not issubclass(made, nn.Module):
            continue
        args, kwargs, given = MODULES.get(name, ((), {}, None))
        torch.manual_seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = made(*args, **kwargs).double().eval()
        yield f"nn.{name}", Around(module, given)


class Around(nn.Module):
    def __init__(self, module: nn.Module, given: Callable[[Tensor], Tensor] | None) -> None:
        super().__init__()
        self.module, self.given = module, given or (lambda x: x)

    def forward(self, x: Tensor) -> Any:
        return self.module(self.given(x))


def functions() -> Iterator[tuple[str, Operator]]:
    for name in sorted(dir(F)):
        found = getattr(F, name)
        if name.startswith("_") or name.endswith("_") or name[0].isupper() or not callable(found) or "loss" in name:
            continue
        if name in FUNCTIONS:
            yield f"functional.{name}", FUNCTIONS[name]
        elif _computes(found):
            yield f"functional.{name}", found


def methods() -> Iterator[tuple[str, Operator]]:
    left_out = {name for names in NO_METHODS for name in names.split()}
    for name in sorted(dir(Tensor)):
        if name.startswith("_") or name.endswith("_") or name in left_out or not callable(getattr(Tensor, name)):
            continue
        args = METHODS.get(name, ())

        def operator(x: Tensor, name: str = name, args: tuple[Any, ...] = args) -> Any:
            given = [a.to(x) if isinstance(a, Tensor) and a.is_floating_point() else a for a in args]
            return getattr(x, name)(*given)

        if _computes(operator):
            yield f"Tensor.{name}", operator


def _computes(operator: Operator) -> bool:
    """Whether it takes a tensor alone, and gives one that depends on it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return isinstance(first(operator(torch.rand(3, WIDTH, PLACES, dtype=torch.float64))), Tensor)
        except Exception:
            return False


def first(value: Any) -> Any:
    """The first tensor of what an operator returns."""
    while isinstance(value, (tuple, list)) and value:
        value = value[0]
    return value


def every() -> dict[str, Operator]:
    return dict([*modules(), *functions(), *methods()])
