"""One table: every ATen operator we know and what is known of it by its name.

Adding an operator is adding a name to a row.
"""

from __future__ import annotations

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


# Ops whose values are >= 0 whatever goes in, and ops that keep the sign of nonnegative inputs.
NONNEGATIVE = set("relu relu6 sigmoid hardsigmoid softmax _softmax _safe_softmax softplus abs exp square".split())


SIGN_KEEPING = set(
    """add mul sum mean cumsum avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d
    adaptive_avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d upsample_nearest1d upsample_nearest2d
    upsample_nearest3d upsample_linear1d upsample_bilinear2d upsample_trilinear3d gelu silu hardswish clamp hardtanh
    leaky_relu elu celu selu mish tanh div matmul bmm mm""".split()
)


SQUASHING = set("sigmoid hardsigmoid softmax _softmax _safe_softmax tanh".split())


# Fills with zeros, or with values of its input: everything but these two of the movement kind.
FILLING = {"masked_fill", "where"}


FRESH = set(
    """conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d linear batch_norm add mul cat mean relu
    relu6 leaky_relu elu selu celu gelu silu mish hardswish hardsigmoid hardtanh sigmoid tanh softplus max_pool1d
    max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d
    adaptive_avg_pool2d adaptive_avg_pool3d""".split()
)
"""Operators whose result shares no memory with anything, and that stay as they are."""


SHARING = {"flatten"}
"""Operators that stay as they are and may return their argument's memory."""


DROPOUTS = {"dropout", "feature_dropout", "alpha_dropout"}


POOLS = {"adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"}
