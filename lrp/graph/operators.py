"""One table: every ATen operator we know, and all that is known of it by its name.

Adding an operator is adding a row, or a name to one.
"""

from __future__ import annotations

from dataclasses import dataclass

TRAITS = {
    # sign
    "nonnegative": "its values are never below zero, whatever goes in",
    "keeps sign": "its values are not below zero where what goes in is not",
    "positive beta": "its values are never below zero where its argument beta is above zero",
    "lower bound": "its argument min or min_val bounds its values from below",
    "fills": "puts a value of its own among those of its input",
    "gate": "a squashing function, so that a product with its values is a gate",
    "squash": "a squashing function of both signs: a gate beside a plain signal, a signal beside a gate",
    "even": "does not see its input's sign, so that what is reduced from it is a statistic",
    "reduces": "sums up, or averages, over places",
    # what it is of its kind
    "dense": "its channels are the last axis; for other linear operators they are the second",
    "mixes": "its weight's axes are (output channel, input channel, ...), and every one reads all of its group",
    "elementwise": "each value depends on one value of each of its inputs",
    "shift": "adds, so that a constant moves its values",
    "pool": "an average over places",
    "to a size": "a pool whose argument is the output's size",
    "least": "the winner is the least, not the largest",
    "batch norm": "normalizes by statistics that may be constants",
    "relu": "relevance passes where its values are above zero",
    "channels second": "its values' channels lie on the second axis, whatever it is given",
    "channels last": "its values' channels lie on the last axis, whatever it is given",
    # what is drawn at random
    "draws by shape": "what it draws depends on shapes and numbers, not on the values of tensors",
    "draws a factor": "multiplies its argument with what it draws",
    # memory
    "fresh": "its values share memory with nothing, and a trace leaves it as it is",
    "shares": "its values may share its argument's memory, and a trace leaves it as it is",
    "dropout": "does nothing in evaluation",
    "identity": "gives back what it is given",
}
"""What an operator can be, beside its kind."""

# names, kind (how relevance passes it, see `lrp.composites.DEFAULT`), traits
ROWS: tuple[tuple[str, str | None, str], ...] = (
    ("linear", "linear", "fresh, dense, mixes, channels last"),
    ("conv1d conv2d conv3d", "linear", "fresh, mixes, channels second"),
    ("conv_transpose1d conv_transpose2d conv_transpose3d", "linear", "fresh, channels second"),
    ("convolution", "linear", "channels second"),
    ("_grouped_mm grouped_mm_fallback", "grouped", "dense, channels last"),
    ("add", "sum", "fresh, keeps sign, elementwise, shift"),
    ("mean", "sum", "fresh, keeps sign, reduces"),
    ("sum", "sum", "keeps sign, reduces"),
    ("cumsum index_add scatter_add trace", "sum", "keeps sign"),
    ("sub rsub", "sum", "elementwise, shift"),
    ("neg", "sum", "elementwise"),
    ("lerp", "lerp", "elementwise"),
    ("avg_pool1d avg_pool2d avg_pool3d", "sum", "fresh, keeps sign, pool, reduces"),
    (
        "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d",
        "sum",
        "fresh, keeps sign, pool, to a size, reduces",
    ),
    ("_adaptive_avg_pool2d _adaptive_avg_pool3d", "sum", "keeps sign, reduces"),
    ("upsample_nearest1d upsample_nearest2d upsample_nearest3d", "sum", "keeps sign"),
    ("upsample_linear1d upsample_bilinear2d upsample_trilinear3d _upsample_bilinear2d_aa", "sum", "keeps sign"),
    ("_upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d", "sum", "keeps sign"),
    ("upsample_bicubic2d", "sum", ""),
    ("_upsample_bicubic2d_aa", None, ""),
    ("grid_sampler grid_sampler_2d grid_sampler_3d", "resampling", ""),
    ("linalg_vector_norm", "norm", "nonnegative, even, reduces"),
    ("std", "sum", "nonnegative, even, reduces"),
    ("var", None, "nonnegative, even, reduces"),
    ("view _unsafe_view reshape unflatten squeeze unsqueeze expand expand_as", "movement", "keeps sign, shares"),
    ("flatten", "movement", "keeps sign, shares"),
    ("permute transpose t movedim swapaxes select slice narrow", "movement", "keeps sign, shares"),
    ("rot90 roll flip split split_with_sizes chunk unbind index index_select gather take", "movement", "keeps sign"),
    ("copy", "movement", ""),
    ("slice_scatter select_scatter diagonal_scatter index_copy", "movement", "keeps sign"),
    ("scatter index_put", "puts", ""),
    ("masked_scatter sort diag_embed max_unpool2d max_unpool3d", "movement", "keeps sign"),
    ("cat", "movement", "keeps sign, fresh"),
    ("stack repeat repeat_interleave tril triu diagonal", "movement", "keeps sign"),
    ("constant_pad_nd pad", "movement", "keeps sign"),
    ("reflection_pad1d reflection_pad2d reflection_pad3d", "movement", "keeps sign"),
    ("replication_pad1d replication_pad2d replication_pad3d", "movement", "keeps sign"),
    ("pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle", "movement", "keeps sign"),
    ("unfold im2col", "movement", "keeps sign"),
    ("col2im", "fold", "keeps sign"),
    ("masked_fill", "movement", "fills"),
    ("where", "movement", "fills, elementwise"),
    ("clone alias detach lift_fresh_copy _to_copy", "movement", "keeps sign, identity"),
    ("contiguous to", "movement", "keeps sign, shares"),
    ("dropout feature_dropout", "movement", "keeps sign, dropout, draws a factor"),
    ("alpha_dropout", "movement", "keeps sign, dropout"),
    ("native_dropout", "movement", "keeps sign, draws a factor"),
    ("max_pool1d max_pool2d max_pool3d", "winner", "fresh, keeps sign"),
    ("max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices", "winner", "keeps sign"),
    ("adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d", "winner", "keeps sign"),
    ("amax max topk median kthvalue cummax", "winner", "keeps sign, reduces"),
    ("maximum", "winner", "keeps sign, elementwise"),
    ("amin min cummin", "winner", "keeps sign, least, reduces"),
    ("minimum", "winner", "keeps sign, least, elementwise"),
    ("logsumexp", "winner", ""),
    ("relu", "activation", "fresh, nonnegative, relu, elementwise"),
    ("relu6", "activation", "fresh, nonnegative, elementwise"),
    ("softplus", "activation", "fresh, elementwise, positive beta"),
    ("sigmoid hardsigmoid", "activation", "fresh, nonnegative, gate, elementwise"),
    ("tanh", "activation", "fresh, keeps sign, squash, elementwise"),
    ("erf", "activation", "keeps sign, squash, elementwise"),
    ("leaky_relu elu selu celu gelu silu mish hardswish", "activation", "fresh, keeps sign, elementwise"),
    ("hardtanh", "activation", "fresh, keeps sign, lower bound, elementwise"),
    ("clamp", "activation", "keeps sign, lower bound, elementwise"),
    ("clamp_min", "activation", "lower bound, elementwise"),
    ("clamp_max hardshrink softshrink", "activation", "elementwise"),
    ("prelu rrelu rrelu_with_noise", "activation", ""),
    ("threshold log_sigmoid", "activation", "elementwise"),
    ("square abs", "activation", "nonnegative, even, elementwise"),
    ("pow", "power", "elementwise"),
    ("exp exp2 sqrt cosh erfc i0 acos", "activation", "nonnegative, elementwise"),
    ("expm1 log1p sinh atan asinh", "activation", "keeps sign, elementwise"),
    ("log log2 log10 sin cos tan asin acosh atanh sinc", "activation", "elementwise"),
    ("erfinv rsqrt reciprocal nan_to_num logit lgamma digamma", "activation", "elementwise"),
    ("sign sgn ceil floor trunc round frac", "activation", "elementwise"),
    ("activation", "activation", ""),
    ("mul", "gate", "fresh, keeps sign, elementwise"),
    ("div", "division", "keeps sign, elementwise"),
    ("matmul bmm mm", "bilinear", "fresh, keeps sign, channels last"),
    ("einsum dot mv linalg_cross _trilinear", "bilinear", ""),
    ("scaled_dot_product_attention", "attention", "channels last"),
    ("softmax _softmax _safe_softmax", "softmax", "fresh, nonnegative, gate"),
    ("log_softmax _log_softmax", "softmax", ""),
    ("embedding _embedding_bag", "lookup", ""),
    ("batch_norm", "normalization", "fresh, batch norm, channels second"),
    ("_native_batch_norm_legit_no_training native_batch_norm", "normalization", "batch norm, channels second"),
    ("layer_norm native_layer_norm rms_norm _fused_rms_norm", "normalization", "fresh, channels last"),
    ("group_norm native_group_norm instance_norm", "normalization", "channels second"),
    ("zeros_like ones_like full_like empty_like", "constant", ""),
    ("rand_like randn_like randint_like rand randn randint randperm", "constant", "draws by shape"),
    ("uniform exponential geometric cauchy log_normal", "constant", "draws by shape"),
    ("new_zeros new_ones new_full new_empty zeros ones full scalar_tensor eye arange sym_size", "constant", ""),
    ("gt ge lt le eq ne logical_not logical_and logical_or isnan isinf", None, "elementwise"),
)
"""The table. A name without a kind has no rule of its own, but what is known of it still helps its neighbours. A kind
that stands in `lrp.graph.modes.MODES` depends on the operator's options."""

REMEDIES = {
    "_upsample_bicubic2d_aa": "PyTorch cannot record its gradient for any batch size; use mode='bilinear', or "
    "antialias the pictures before the model",
    "_embedding_bag": "bags with offsets, weights or padding of their own mix samples that nobody can tell apart; "
    "give the bag a matrix of indices (batch, items), without per_sample_weights and padding_idx",
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

KINDS: frozenset[str] = frozenset(row.kind for row in OPERATORS.values() if row.kind is not None) | {
    "preparation",
    "lookup",
}


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
