"""One table: every ATen operator we know and its kind. Adding an operator is adding a name to a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.node import map_arg

Params = Mapping[str, Any]
"""What an operator reads beside the signal, under the argument names of its ATen schema: weight, bias, ..."""

Inputs = tuple[Tensor, ...]
"""The signal: the operator's arguments that depend on the model's input and carry relevance."""

# How relevance passes each kind unless a composite says otherwise: see DEFAULT in composites.py.
KINDS: dict[str, str] = {
    "linear": """conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d convolution linear""",
    "sum": """add sub rsub neg sum mean cumsum avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d
        adaptive_avg_pool2d adaptive_avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d upsample_nearest1d
        upsample_nearest2d upsample_nearest3d _upsample_nearest_exact2d upsample_linear1d upsample_bilinear2d
        upsample_bicubic2d upsample_trilinear3d""",
    "movement": """view _unsafe_view reshape permute transpose t clone contiguous select slice split
        split_with_sizes chunk unbind narrow expand unsqueeze squeeze flatten unflatten pad constant_pad_nd
        reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d replication_pad3d
        roll flip index index_select gather cat stack pixel_shuffle pixel_unshuffle channel_shuffle
        native_channel_shuffle repeat repeat_interleave alias detach lift_fresh_copy dropout native_dropout
        feature_dropout alpha_dropout _to_copy to unfold im2col col2im movedim swapaxes masked_fill where tril triu
        diagonal rot90""",
    "winner": """max_pool1d max_pool2d max_pool3d max_pool2d_with_indices max_pool3d_with_indices
        max_pool1d_with_indices adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d amax amin max min
        maximum minimum topk""",
    "activation": """relu relu6 leaky_relu elu selu celu gelu silu mish hardswish hardsigmoid hardtanh sigmoid
        tanh softplus softsign prelu rrelu hardshrink softshrink tanhshrink threshold logsigmoid log_sigmoid clamp
        clamp_min clamp_max rrelu_with_noise""",
    "gate": "mul multiply",
    "division": "div divide true_divide",
    "bilinear": "matmul bmm mm baddbmm einsum scaled_dot_product_attention dot mv",
    "softmax": "softmax _softmax log_softmax _log_softmax _safe_softmax",
    "normalization": """batch_norm _native_batch_norm_legit_no_training native_batch_norm layer_norm
        native_layer_norm group_norm native_group_norm instance_norm rms_norm _fused_rms_norm""",
    "constant": """zeros_like ones_like full_like empty_like rand_like randn_like new_zeros new_ones new_full
        new_empty sym_size arange zeros ones full scalar_tensor eye""",
}
KIND: dict[str, str] = {name: kind for kind, names in KINDS.items() for name in names.split()}

# With one signal these are linear in it, so they conserve like a sum; with two their own kind decides.
LINEAR_IN_ONE_SIGNAL = {"gate", "bilinear", "division"}


@dataclass(frozen=True)
class Item:
    """`op(...)[index]` as one operator, so that every node of a graph has a single tensor as its value."""

    op: torch._ops.OpOverload
    index: int

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.op(*args, **kwargs)[self.index]

    @property
    def __name__(self) -> str:
        return f"{operator_name(self.op)}[{self.index}]"


@dataclass(frozen=True)
class BiasMap:
    """A convolution whose bias has a value for each position: `op(input, weight, None, ...) + bias`."""

    op: torch._ops.OpOverload

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor | None, *options: Any) -> Tensor:
        z = self.op(x, weight, None, *options)
        return z if bias is None else z + bias

    @property
    def __name__(self) -> str:
        return f"{operator_name(self.op)}+map"


@dataclass(frozen=True)
class Clamp:
    """`clamp` between two tensors, in two steps: recording PyTorch's own takes ten times as long."""

    op: torch._ops.OpOverload = torch.ops.aten.clamp.Tensor

    def __call__(self, x: Tensor, low: Tensor, high: Tensor) -> Tensor:
        return torch.minimum(torch.maximum(x, low), high)

    @property
    def __name__(self) -> str:
        return operator_name(self.op)


def overload(target: Any) -> torch._ops.OpOverload | None:
    """The ATen overload behind a node's target, or None for a Python function."""
    target = target.op if isinstance(target, (Item, BiasMap, Clamp)) else target
    return target if isinstance(target, torch._ops.OpOverload) else None


def operator_name(target: Any) -> str:
    """`conv2d` for `aten.conv2d.default`; the table's key."""
    found = overload(target)
    return found._schema.name.split("::")[-1] if found is not None else getattr(target, "__name__", str(target))


def arguments(node: fx.Node) -> dict[str, Any]:
    """Every argument of an ATen node under its schema name, defaults filled in."""
    found = overload(node.target)
    assert found is not None, f"{node.target} is no ATen operator"
    schema = found._schema.arguments
    given = dict(zip((a.name for a in schema), node.args, strict=False)) | dict(node.kwargs)
    return {a.name: given.get(a.name, a.default_value if a.has_default_value() else None) for a in schema}


@dataclass(frozen=True, eq=False)
class Op:
    """One node as a pure function: `op(params, *inputs) -> output`, linear in nothing, remembering nothing.

    `roles` maps an argument's schema name to the node that provides it, `inputs` are the nodes of the signal.
    """

    node: fx.Node
    target: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    roles: Mapping[str, fx.Node]
    inputs: tuple[fx.Node, ...]
    kind: str | None
    nonnegative: tuple[bool, ...] = ()
    """Which inputs are never below zero."""
    gates: tuple[bool, ...] = ()
    """Which inputs come out of a squashing function: the gates of a product."""
    cut: bool = False
    """Whether relevance arrives only where the output is above zero: a ReLU follows, and what follows it shares in
    proportion to its input."""
    saved: Callable[[Tensor], Inputs] | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The operator: conv2d, add, relu, ..."""
        return operator_name(self.target)

    @property
    def family(self) -> str | None:
        """convolution or dense for linear layers, batch norm, residual for sums of several branches; else None."""
        if self.kind == "linear":
            return "dense" if self.name == "linear" else "convolution"
        if self.kind == "normalization" and "batch_norm" in self.name:
            return "batch norm"
        return "residual" if self.kind == "sum" and len(self.inputs) > 1 else None

    @property
    def layer(self) -> str:
        """The module that holds the operator, as in `model.named_modules()`: layer3.1.conv2."""
        return self.node.meta.get("layer", "")

    @property
    def shape(self) -> tuple[Any, ...]:
        """The output's shape; the batch dimension is symbolic."""
        return tuple(getattr(self.node.meta.get("val"), "shape", ()))

    def __call__(self, params: Params, *inputs: Tensor) -> Tensor:
        env = {node: params.get(role) for role, node in self.roles.items()}
        env |= dict(zip(self.inputs, inputs, strict=True))
        args, kwargs = map_arg((self.args, dict(self.kwargs)), lambda node: env[node])
        return self.target(*args, **kwargs)

    def transpose(self, params: Params, inputs: Inputs, cotangent: Tensor) -> Inputs:
        """`J^T cotangent`, J the Jacobian of `op(params, .)` at `inputs`; one tensor for each input."""
        if self.saved is not None:
            return self.saved(cotangent)
        for formula in (_transposed_layer, _transposed_cat):
            if (direct := formula(self, params, inputs, cotangent)) is not None:
                return direct
        return torch.func.vjp(lambda *x: self(params, *x), *inputs)[1](cotangent)

    def bind(self, env: Mapping[fx.Node, Any]) -> Op:
        """The same operator with arguments known only at run time (sizes, masks) filled in."""
        known = {node: env[node] for node in self.roles.values() if node in env}
        if not known:
            return self
        args, kwargs = map_arg((self.args, dict(self.kwargs)), lambda node: known.get(node, node))
        roles = {role: node for role, node in self.roles.items() if node not in known}
        return replace(self, args=args, kwargs=kwargs, roles=roles)


def _transposed_layer(op: Op, params: Params, inputs: Inputs, cotangent: Tensor) -> Inputs | None:
    """`J^T cotangent` of a linear layer without autograd; None for its rare forms and for other operators.

    vjp of a dense layer on more than two axes would tie the recorded program to one batch size; that of a convolution
    reads its input for the shape alone, which under `vmap` copies it for each seed and loses its memory layout.
    """
    if op.kind != "linear" or "weight" not in params:
        return None
    weight, x = params["weight"], inputs[0]
    if op.name == "linear":
        return (cotangent @ weight,)
    given = arguments(op.node)
    if isinstance(given["padding"], str) or x.ndim != weight.ndim:
        return None
    stride, padding, dilation, extra = (
        each_axis(given.get(name, 0), x.ndim - 2) for name in ("stride", "padding", "dilation", "output_padding")
    )
    back = not given.get("transposed", "transpose" in op.name)
    if back:  # rows that the strides skipped at the end
        kernels = zip(x.shape[2:], cotangent.shape[2:], stride, padding, dilation, weight.shape[2:], strict=True)
        extra = [n - ((m - 1) * s - 2 * p + d * (k - 1) + 1) for n, m, s, p, d, k in kernels]
    elif any(e >= s for e, s in zip(extra, stride, strict=True)):
        return None
    skipped = extra if back else [0] * len(extra)
    options = (stride, padding, dilation, back, skipped, given["groups"])
    return (torch.ops.aten.convolution(cotangent, weight, None, *options),)


def _transposed_cat(op: Op, params: Params, inputs: Inputs, cotangent: Tensor) -> Inputs | None:
    """`J^T cotangent` of a concatenation of different signals of one type: vjp records it again, and a slice for each
    part; None for the rare forms and for other operators."""
    del params
    if op.name != "cat" or len((given := arguments(op.node))["tensors"]) != len(inputs):
        return None
    if any((x.ndim, x.dtype) != (cotangent.ndim, cotangent.dtype) for x in inputs):
        return None
    return cotangent.split_with_sizes([x.shape[given["dim"]] for x in inputs], given["dim"])


def each_axis(value: int | list[int], axes: int) -> list[int]:
    """An option of a convolution for each spatial axis."""
    values = [value] if isinstance(value, int) else list(value)
    return values * axes if len(values) == 1 else values


def _named_nodes(node: fx.Node) -> Iterator[tuple[str, fx.Node]]:
    """(role, node) for every node among the arguments; list entries are numbered: `tensors.0`."""
    found = overload(node.target)
    names = [a.name for a in found._schema.arguments] if found is not None else [str(i) for i in range(len(node.args))]
    for name, value in [*zip(names, node.args, strict=False), *node.kwargs.items()]:
        if isinstance(value, fx.Node):
            yield name, value
        else:
            nested: list[fx.Node] = []
            map_arg(value, nested.append)
            yield from ((f"{name}.{i}", entry) for i, entry in enumerate(nested))


def op_of(node: fx.Node, signals: Set[fx.Node], nonnegative: Set[fx.Node], gates: Set[fx.Node]) -> Op:
    """`node` as a pure function of the signals among its arguments."""
    inputs = tuple(n for n in node.all_input_nodes if n in signals)
    roles = {role: n for role, n in _named_nodes(node) if n not in signals}
    kind = KIND.get(operator_name(node.target))
    if kind in LINEAR_IN_ONE_SIGNAL and len(inputs) == 1:
        divisor = kind == "division" and arguments(node)["other"] in inputs
        kind = None if divisor else "sum"
    elif kind == "linear" and len(inputs) > 1:
        kind = "bilinear"
    return Op(
        node,
        node.target,  # type: ignore[arg-type]
        node.args,
        node.kwargs,
        roles,
        inputs,
        kind,
        tuple(n in nonnegative for n in inputs),
        tuple(n in gates for n in inputs),
    )
