"""Everything of `torch.nn`, `torch.nn.functional` and the methods of a tensor that takes one tensor, judged by numbers.

`python -m tests.support.public` prints what was found of each and the counts.

Around each stands a small network, conv -> (softplus) -> the operator -> dense, without biases. What is right is said
by the operator's values alone: an affine or homogeneous function shares relevance as its input times its gradient (the
constant's part stays with it), a function of each value alone passes it on, a product, a norm or a softmax has a rule
of its own, and conserves. Everything else must be refused.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import lrp
from lrp.graph.facts import facts

WIDTH, PLACES = 4, 6
COMPOSITE = lrp.composites.base(1e-12) + [("linear", lrp.rules.epsilon(1e-12))]
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


class Network(nn.Module):
    def __init__(self, operator: Operator, is_positive: bool, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(2, WIDTH, 3, padding=1, bias=False)
        self.body = nn.Softplus() if is_positive else nn.Identity()
        self.operator, self.head = operator, nn.Linear(out, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.behind(self.body(self.conv(x)))

    def behind(self, a: Tensor) -> Tensor:
        return self.head(first(self.operator(a)).reshape(a.shape[0], -1))


OWN = {"softmax", "normalization", "attention", "bilinear", "gate", "division", "power"}
"""Kinds with a rule that is no function of values alone."""


def judged(operator: Operator) -> str:
    """What an operator is: `exact`, `passes`, `own rule`, `missing: ...`, `refused: ...` or `no signal`.

    Raises:
        AssertionError: Its relevance is wrong.
    """
    torch.manual_seed(1)
    x = torch.randn(3, 2, PLACES, dtype=torch.float64)
    model, a = _network(operator, x)
    if model is None:
        return "no signal"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            explain = lrp.explainer(model, x, COMPOSITE)
    except lrp.MissingRule as error:
        return "missing: " + ", ".join(
            line.split(":")[1].split(" in ")[0].strip() for line in str(error).split("\n")[1:]
        )
    except (lrp.TraceError, ValueError, NotImplementedError) as error:
        return f"refused: {str(error).splitlines()[0]}"
    layer = "body" if isinstance(model.body, nn.Softplus) else "conv"
    for batch in (3, 1):
        output, pullback = explain.program(explain.weights, x[:batch])
        _, hidden = pullback(output.detach(), at=[layer])
        relevance, given = hidden[layer].relevance, a[:batch]
        assert torch.allclose(output, model(x[:batch]), atol=1e-9), "the output differs"
        assert relevance.isfinite().all(), "not finite"
        kind = _expected(model, given, relevance, explain, x[:batch])
    return kind


def _network(operator: Operator, x: Tensor) -> tuple[Network | None, Tensor]:
    for is_positive in (False, True):
        try:
            value = first(operator(torch.full((3, WIDTH, PLACES), 0.6, dtype=torch.float64)))
        except Exception:
            return None, x
        if not isinstance(value, Tensor) or not value.is_floating_point() or not value.ndim or len(value) != 3:
            return None, x
        torch.manual_seed(2)
        model = Network(operator, is_positive, value.numel() // 3).double().eval()
        with torch.no_grad():
            model.conv.weight.mul_(0.3 if is_positive else 1.0)
            a = model.body(model.conv(x))
            if bool(model(x).isfinite().all()) and bool(first(operator(a)).isfinite().all()):
                return model, a
    return None, x


def _expected(model: Network, a: Tensor, relevance: Tensor, explain: lrp.Explainer, x: Tensor) -> str:
    value = lambda a: first(model.operator(a)).reshape(len(a), -1)  # noqa: E731
    leaf = a.clone().requires_grad_()
    total = model.behind(leaf).sum()
    gradient = torch.autograd.grad(total, leaf)[0] if total.requires_grad else torch.zeros_like(a)
    b = value(a).detach()
    flowing = (b * model.head.weight.sum(0)).detach()  # relevance of the operator's output
    scale = flowing.abs().max() + 1e-6
    zero = value(torch.zeros_like(a)).detach()
    shifted = zero if bool(zero.isfinite().all()) else torch.zeros_like(b)
    homogeneous = torch.allclose(value(1.001 * a) - shifted, 1.001 * (b - shifted), atol=1e-9, rtol=1e-9)
    if homogeneous and (relevance - a * gradient).abs().max() < 1e-5 * scale:
        return "exact"
    known = facts(explain.program.graph)
    kinds = {known.op(node).kind for node in known.signals if node.op == "call_function"}
    if _is_elementwise(value, a) and b.numel() == a.numel():
        if "winner" in kinds:  # beside a constant, which takes its own where it wins
            flowing = flowing * (gradient != 0).reshape_as(flowing)
        assert (relevance - flowing.reshape_as(a)).abs().max() < 1e-5 * scale, "a function of each value, not passed on"
        return "passes"
    assert not homogeneous or kinds & OWN, "homogeneous, but not input times gradient"
    account = lrp.audit(explain.program, explain.weights, x, model(x).detach())
    assert abs(account.residual).max() < 1e-6 * account.scale.max(), "the audit is open"
    own = account.dropped.where(~account.drops.astype(bool), 0.0)
    assert abs(own).max() < 1e-6 * account.scale.max(), "relevance is lost"
    return "own rule" if kinds & OWN else "conserves"


def _is_elementwise(value: Callable[[Tensor], Tensor], a: Tensor) -> bool:
    one = a[:1]
    moved = value(one).detach()
    if moved.numel() != one.numel():
        return False
    for place in range(one.numel()):
        other = one.flatten().clone()
        other[place] += 0.05
        changed = (value(other.reshape_as(one)).detach() - moved).flatten().abs() > 1e-12
        changed[place] = False
        if bool(changed.any()):
            return False
    return True


def every() -> dict[str, Operator]:
    return dict([*modules(), *functions(), *methods()])


def main() -> None:
    counts: Counter[str] = Counter()
    for name, operator in every().items():
        try:
            found = judged(operator)
        except AssertionError as error:
            found = f"WRONG: {error}"
        except Exception as error:
            found = f"ERROR: {type(error).__name__}: {str(error).splitlines()[0]}"
        counts[found.split(":")[0]] += 1
        print(f"{name:40} {found}", flush=True)
    print(", ".join(f"{count} {word}" for word, count in counts.most_common()))


if __name__ == "__main__":
    main()
