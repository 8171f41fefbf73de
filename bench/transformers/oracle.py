"""`oracle`: relevance as gradient times input, of the model itself as it runs, with some factors held fixed.

It knows nothing of graphs, rules and composites: PyTorch's functions are watched while the model predicts
(`torch.overrides`), and what AttnLRP holds fixed is detached (Arras et al. 2025, arXiv:2502.15886): the slope of an
activation, half of a product of two signals, the statistics of norms, what divides.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

import lrp
from bench.transformers.checks import Row, strongest
from bench.transformers.families import embedded
from bench.transformers.models import FAMILIES, Inputs
from lrp.composites import attn_lrp

ARCHITECTURES = (
    "bert", "bert, masked", "bert, eager", "distilbert", "roberta", "electra", "albert", "deberta-v2", "modernbert",
    "mpnet", "gpt2", "gpt-neox", "opt", "bloom", "phi3", "llama", "qwen2", "qwen3", "mistral", "gemma2", "gemma3",
    "olmo2", "t5, encoder", "t5, gated", "t5", "bart", "vit", "deit", "beit", "swin", "swinv2", "dinov2",
    "dinov2, gated", "segformer", "convnext", "convnextv2", "ast",
)  # fmt: skip
ALIKE = 1e-7
"""What relevance may differ by, to the largest: many models compute their norms in float32, whatever they are given."""


def signal(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


def held(f: Callable[..., Any]) -> Callable[..., Any]:
    """An activation as its input times the slope that it has there; at zero its own."""

    def linear(x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        y = f(x, *args, **kwargs)
        return torch.where(x == 0, y, x * (y / torch.where(x == 0, 1.0, x)).detach())

    return linear


def half(f: Callable[..., Any]) -> Callable[..., Any]:
    """A product of two signals, each of which has half of it."""

    def shared(*args: Any, **kwargs: Any) -> Any:
        y = f(*args, **kwargs)
        given = [*args, *kwargs.values()]
        signals = [a for arg in given for a in (arg if isinstance(arg, (tuple, list)) else [arg]) if signal(a)]
        return y / 2 + (y / 2).detach() if len(signals) == 2 else y

    return shared


def by_statistic(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, y, *rest, **kwargs: f(x, y.detach() if signal(x) and signal(y) else y, *rest, **kwargs)


def fixed(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: f(*args, **kwargs).detach()


def layer_norm(_: Callable[..., Any]) -> Callable[..., Any]:
    def normed(x: Tensor, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
        axes = tuple(range(-len(shape), 0))
        centred = x - x.mean(axes, keepdim=True)
        y = centred / (centred.square().mean(axes, keepdim=True) + eps).sqrt().detach()
        y = y if weight is None else y * weight
        return y if bias is None else y + bias

    return normed


def attention(_: Callable[..., Any]) -> Callable[..., Any]:
    def weighed(
        q: Tensor, k: Tensor, v: Tensor, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
        scale: float | None = None, enable_gqa: bool = False,
    ) -> Tensor:  # fmt: skip
        del dropout_p
        if enable_gqa:
            k, v = (t.repeat_interleave(q.shape[-3] // t.shape[-3], -3) for t in (k, v))
        logits = half(torch.matmul)(q, k.transpose(-1, -2)) * (q.shape[-1] ** -0.5 if scale is None else scale)
        if is_causal:
            logits = logits.masked_fill(torch.ones_like(logits, dtype=torch.bool).triu(1), -math.inf)
        if attn_mask is not None:
            boolean = attn_mask.dtype == torch.bool
            logits = logits.masked_fill(~attn_mask, -math.inf) if boolean else logits + attn_mask
        return half(torch.matmul)(logits.softmax(-1), v)

    return weighed


TABLE: dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    **dict.fromkeys(("gelu", "silu", "relu", "relu_", "tanh", "sigmoid", "softplus", "hardswish", "mish"), held),
    **dict.fromkeys(("mul", "__mul__", "__rmul__", "matmul", "__matmul__", "bmm", "baddbmm", "einsum"), half),
    **dict.fromkeys(("div", "__truediv__"), by_statistic),
    **dict.fromkeys(("rsqrt", "norm", "vector_norm", "linalg_vector_norm", "std", "var", "sqrt"), fixed),
    "layer_norm": layer_norm,
    "rms_norm": lambda _: lambda x, _shape, weight=None, eps=None: (
        x * (x.square().mean(-1, keepdim=True) + (torch.finfo(x.dtype).eps if eps is None else eps)).rsqrt().detach()
        * (1 if weight is None else weight)
    ),
    "normalize": lambda _: lambda x, p=2.0, dim=1, eps=1e-12, **_: (
        x / x.norm(p, dim, keepdim=True).clamp_min(eps).detach()
    ),
    "scaled_dot_product_attention": attention,
}  # fmt: skip


class Watched(TorchFunctionMode):
    """While it is on, PyTorch's functions hold fixed what AttnLRP does."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        change = TABLE.get(getattr(func, "__name__", ""))
        with torch._C.DisableTorchFunctionSubclass():
            return (func if change is None else change(func))(*args, **(kwargs or {}))


def written_out(model: nn.Module) -> None:
    """Activations that are modules of several operators, as wholes."""
    for module in model.modules():
        if type(module).__module__.endswith(".activations") or "Gelu" in type(module).__name__:
            module.forward = held(module.forward)  # type: ignore[method-assign]


def gradient_x_input(model: nn.Module, x: Inputs, output: str) -> tuple[Tensor, dict[str, Tensor]]:
    """The output, and the relevance of each input of floating-point numbers."""
    written_out(model)
    given = {name: value.clone().requires_grad_(value.is_floating_point()) for name, value in x.items()}
    leaves = {name: value for name, value in given.items() if value.requires_grad}
    with Watched():
        found = model(**given)[output]
    gradients = torch.autograd.grad((found * (strongest(found.detach()) / found.detach())).sum(), list(leaves.values()))
    return found.detach(), {n: (v * g).detach() for (n, v), g in zip(leaves.items(), gradients, strict=True)}


def measure(name: str) -> Row:
    family, start = FAMILIES[name], time.perf_counter()
    try:
        model = family.built()
        x = embedded(model, family.example(2, 10))
        relevance = lrp.explainer(model, x, attn_lrp(epsilon=1e-13), output=family.output)(x, strongest).relevance
        output, wanted = gradient_x_input(model, x, family.output)
        with torch.no_grad():
            off = float((output - family.built()(**x)[family.output]).abs().max() / output.abs().max())
    except Exception as error:
        return Row(name, "failed", f"{type(error).__name__}: {error}".splitlines()[0], time.perf_counter() - start)
    largest = max(float(part.abs().max()) for part in wanted.values())
    apart = max(float((relevance[name] - part).abs().max()) for name, part in wanted.items()) / largest
    said = f"output {off:.0e}, relevance {apart:.0e} of the largest"
    return Row(name, "alike" if apart < ALIKE else "apart", said, time.perf_counter() - start)


def run(names: Sequence[str]) -> Iterator[str]:
    """A line an architecture, and the count."""
    rows = []
    for name in names or ARCHITECTURES:
        rows.append(measure(name))
        yield str(rows[-1])
    yield f"{sum(row.verdict == 'alike' for row in rows)} of {len(rows)} agree to {ALIKE:.0e}"
