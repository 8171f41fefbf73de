"""One table: every ATen operator we know, and all that is known of it by its name.

Adding an operator is adding a row, or a name to one.
"""

from __future__ import annotations

from dataclasses import dataclass

TRAITS = {
    # sign
    "nonnegative": "its values are never below zero, whatever goes in",
    "keeps sign": "its values are not below zero where what goes in is not",
    "lower bound": "its argument min or min_val bounds its values from below",
    "fills": "puts a value of its own among those of its input",
    "gate": "a squashing function, so that a product with its values is a gate",
    # what it is of its kind
    "dense": "its channels are the last axis; for other linear operators they are the second",
    "mixes": "its weight's axes are (output channel, input channel, ...), and every one reads all of its group",
    "pool": "an average over places",
    "to a size": "a pool whose argument is the output's size",
    "least": "the winner is the least, not the largest",
    "batch norm": "normalizes by statistics that may be constants",
    "relu": "relevance passes where its values are above zero",
    # memory
    "fresh": "its values share memory with nothing, and a trace leaves it as it is",
    "shares": "its values may share its argument's memory, and a trace leaves it as it is",
    "dropout": "does nothing in evaluation",
    "identity": "gives back what it is given",
}
"""What an operator can be, beside its kind."""

# names, kind (how relevance passes it, see `lrp.composites.DEFAULT`), traits
ROWS: tuple[tuple[str, str | None, str], ...] = (
    ("linear", "linear", "fresh, dense, mixes"),
    ("conv1d conv2d conv3d", "linear", "fresh, mixes"),
    ("conv_transpose1d conv_transpose2d conv_transpose3d", "linear", "fresh"),
    ("convolution", "linear", ""),
    ("add mean", "sum", "fresh, keeps sign"),
    ("sum cumsum", "sum", "keeps sign"),
    ("sub rsub neg", "sum", ""),
    ("avg_pool1d avg_pool2d avg_pool3d", "sum", "fresh, keeps sign, pool"),
    ("adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d", "sum", "fresh, keeps sign, pool, to a size"),
    ("_adaptive_avg_pool2d _adaptive_avg_pool3d", "sum", "keeps sign"),
    ("upsample_nearest1d upsample_nearest2d upsample_nearest3d", "sum", "keeps sign"),
    ("upsample_linear1d upsample_bilinear2d upsample_trilinear3d", "sum", "keeps sign"),
    ("_upsample_nearest_exact2d upsample_bicubic2d", "sum", ""),
    ("view _unsafe_view reshape unflatten squeeze unsqueeze expand", "movement", "keeps sign"),
    ("flatten", "movement", "keeps sign, shares"),
    ("permute transpose t movedim swapaxes rot90 roll flip", "movement", "keeps sign"),
    ("select slice split split_with_sizes chunk unbind narrow index index_select gather", "movement", "keeps sign"),
    ("cat", "movement", "keeps sign, fresh"),
    ("stack repeat repeat_interleave tril triu diagonal", "movement", "keeps sign"),
    ("constant_pad_nd pad", "movement", "keeps sign"),
    ("reflection_pad1d reflection_pad2d reflection_pad3d", "movement", "keeps sign"),
    ("replication_pad1d replication_pad2d replication_pad3d", "movement", "keeps sign"),
    ("pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle", "movement", "keeps sign"),
    ("unfold im2col col2im", "movement", "keeps sign"),
    ("masked_fill where", "movement", "fills"),
    ("clone alias detach lift_fresh_copy _to_copy", "movement", "keeps sign, identity"),
    ("contiguous to", "movement", "keeps sign"),
    ("dropout feature_dropout alpha_dropout", "movement", "keeps sign, dropout"),
    ("native_dropout", "movement", "keeps sign"),
    ("max_pool1d max_pool2d max_pool3d", "winner", "fresh, keeps sign"),
    ("max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices", "winner", "keeps sign"),
    ("adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d", "winner", "keeps sign"),
    ("amax max maximum topk", "winner", "keeps sign"),
    ("amin min minimum", "winner", "keeps sign, least"),
    ("relu", "activation", "fresh, nonnegative, relu"),
    ("relu6", "activation", "fresh, nonnegative"),
    ("softplus", "activation", "fresh, nonnegative"),
    ("sigmoid hardsigmoid", "activation", "fresh, nonnegative, gate"),
    ("tanh", "activation", "fresh, keeps sign, gate"),
    ("leaky_relu elu selu celu gelu silu mish hardswish", "activation", "fresh, keeps sign"),
    ("hardtanh", "activation", "fresh, keeps sign, lower bound"),
    ("clamp", "activation", "keeps sign, lower bound"),
    ("clamp_min", "activation", "lower bound"),
    ("clamp_max prelu rrelu rrelu_with_noise hardshrink softshrink", "activation", ""),
    ("threshold log_sigmoid", "activation", ""),
    ("mul", "gate", "fresh, keeps sign"),
    ("multiply", "gate", ""),
    ("div", "division", "keeps sign"),
    ("divide true_divide", "division", ""),
    ("matmul bmm mm", "bilinear", "keeps sign"),
    ("baddbmm einsum scaled_dot_product_attention dot mv", "bilinear", ""),
    ("softmax _softmax _safe_softmax", "softmax", "nonnegative, gate"),
    ("log_softmax _log_softmax", "softmax", ""),
    ("batch_norm", "normalization", "fresh, batch norm"),
    ("_native_batch_norm_legit_no_training native_batch_norm", "normalization", "batch norm"),
    ("layer_norm native_layer_norm group_norm native_group_norm instance_norm", "normalization", ""),
    ("rms_norm _fused_rms_norm", "normalization", ""),
    ("zeros_like ones_like full_like empty_like rand_like randn_like", "constant", ""),
    ("new_zeros new_ones new_full new_empty zeros ones full scalar_tensor eye arange sym_size", "constant", ""),
    ("abs exp square", None, "nonnegative"),
)
"""The table. A name without a kind has no rule of its own, but what is known of it still helps its neighbours."""

# With one signal these are linear in it, so they conserve like a sum; with two their own kind decides.
LINEAR_IN_ONE_SIGNAL = {"gate", "bilinear", "division"}

REMEDIES = {
    "_native_batch_norm_legit": "batch norm without running statistics mixes the samples of a batch; "
    "use track_running_stats=True, or instance or group norm",
}
"""What to say of operators that no rule can mend."""


@dataclass(frozen=True)
class Operator:
    """A row of the table for one name."""

    kind: str | None
    traits: frozenset[str]


def _read() -> dict[str, Operator]:
    found: dict[str, Operator] = {}
    for names, kind, words in ROWS:
        traits = frozenset(word for word in words.split(", ") if word)
        if strange := traits - TRAITS.keys():
            raise ValueError(f"the row of {names} has unknown traits: {', '.join(sorted(strange))}")
        for name in names.split():
            if name in found:
                raise ValueError(f"the operator {name} has two rows")
            found[name] = Operator(kind, traits)
    return found


OPERATORS: dict[str, Operator] = _read()
"""Every operator by its name."""

KINDS: frozenset[str] = frozenset(row.kind for row in OPERATORS.values() if row.kind is not None)


def kind_of(name: str) -> str | None:
    """The kind of an operator by its name; None for one without.

    Example:
        >>> kind_of("conv2d"), kind_of("cholesky")
        ('linear', None)
    """
    return OPERATORS[name].kind if name in OPERATORS else None


def has(name: str, trait: str) -> bool:
    """Whether an operator is known to have a trait.

    Raises:
        KeyError: There is no such trait.

    Example:
        >>> has("relu", "nonnegative"), has("conv2d", "nonnegative")
        (True, False)
    """
    if trait not in TRAITS:
        raise KeyError(f"no trait {trait!r}; there are {', '.join(TRAITS)}")
    return name in OPERATORS and trait in OPERATORS[name].traits
