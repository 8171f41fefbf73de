"""Composites for transformers against gradient times input of the same network with some factors held fixed.

Each network here is written over a set of operators. `Plain` is what a model does, and what is explained; the others
are surrogates of the same value, whose gradient times input is the method by its paper.
"""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import lrp
from lrp import composites
from tests.support.sweep import half, held

TINY = 1e-13


class Plain:
    def linear(self, layer, x):
        return layer(x)

    conv = linear

    def activation(self, f, x):
        return f(x)

    def gated(self, x, gate):
        return x * gate

    def rms_norm(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)

    def layer_norm(self, layer, x):
        return layer(x)

    def attention(self, q, k, v, causal):
        return F.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=q.shape[1] != k.shape[1])


class InParts(Plain):
    """The same, attention written out."""

    def attention(self, q, k, v, causal):
        k, v = (t.repeat_interleave(q.shape[1] // t.shape[1], 1) for t in (k, v))
        logits = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
        if causal:
            hidden = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).triu(1)
            logits = logits.masked_fill(hidden, -torch.inf)
        return logits.softmax(-1) @ v


class Attn(Plain):
    """AttnLRP: products half and half, the softmax as it is, scales and slopes held."""

    def activation(self, f, x):
        return held(f)(x)

    def gated(self, x, gate):
        return half(torch.mul)(x, gate)

    def rms_norm(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6).detach()

    def layer_norm(self, layer, x):
        centred = x - x.mean(-1, keepdim=True)
        sigma = (centred.square().mean(-1, keepdim=True) + layer.eps).sqrt().detach()
        return centred / sigma * layer.weight + layer.bias

    def attention(self, q, k, v, causal):
        k, v = (t.repeat_interleave(q.shape[1] // t.shape[1], 1) for t in (k, v))
        logits = half(torch.matmul)(q, k.transpose(-1, -2)) / q.shape[-1] ** 0.5
        hidden = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).triu(1) & causal
        return self.weighted(logits.masked_fill(hidden, -torch.inf).softmax(-1), v)

    def weighted(self, weights, v):
        return half(torch.matmul)(weights, v)


class SignalTakesAll(Attn):
    def gated(self, x, gate):
        return x * gate.detach()


class Constant(Attn):
    """Attention weights held."""

    def weighted(self, weights, v):
        return weights.detach() @ v


class RelP(Attn):
    """The products of attention as they are."""

    def attention(self, q, k, v, causal):
        return InParts.attention(self, q, k, v, causal)


class CP(Constant, SignalTakesAll):
    """Attention weights and gates held."""


class Gamma(CP):
    """And linear layers whose contributions of their output's sign count more."""

    def __init__(self, conv, linear):
        self.gammas = {"conv": conv, "linear": linear}

    def linear(self, layer, x):
        return self.raised(lambda x, w, b: F.linear(x, w, b), layer, x, self.gammas["linear"])

    def conv(self, layer, x):
        return self.raised(lambda x, w, b: F.conv2d(x, w, b, layer.stride), layer, x, self.gammas["conv"])

    def raised(self, f, layer, x, gamma):
        z, (weight, bias) = f(x, layer.weight, layer.bias), (layer.weight, layer.bias)
        up = f(x.relu(), weight.relu(), bias.relu()) + f(x.clamp(max=0), weight.clamp(max=0), None)
        down = f(x.relu(), weight.clamp(max=0), bias.clamp(max=0)) + f(x.clamp(max=0), weight.relu(), None)
        shared = torch.where(z > 0, z + gamma * up, z + gamma * down)
        return z.detach() * shared / shared.detach()


def heads(x, count):
    return x.unflatten(-1, (count, -1)).transpose(1, 2)


class Decoder(nn.Module):
    """As in Llama: RMS norm, grouped heads that see what is before them, a gated MLP, no biases."""

    def __init__(self, ops, bias=False):
        super().__init__()
        self.ops = ops
        self.q, self.k, self.v, self.o = (nn.Linear(8, n, bias=bias) for n in (8, 4, 4, 8))
        self.up, self.gate, self.down = (
            nn.Linear(8, 12, bias=bias),
            nn.Linear(8, 12, bias=bias),
            nn.Linear(12, 8, bias=bias),
        )
        self.head = nn.Linear(8, 3, bias=bias)

    def forward(self, x):
        ops = self.ops
        y = ops.rms_norm(x)
        q, k, v = (heads(ops.linear(f, y), n) for f, n in ((self.q, 4), (self.k, 2), (self.v, 2)))
        attended = ops.attention(q, k, v, causal=True).transpose(1, 2).flatten(2)
        x = x + ops.linear(self.o, attended)
        y = ops.rms_norm(x)
        gated = ops.gated(ops.linear(self.up, y), ops.activation(F.silu, ops.linear(self.gate, y)))
        return ops.linear(self.head, ops.rms_norm(x + ops.linear(self.down, gated))[:, -1])


class Encoder(nn.Module):
    """As in BERT: layer norms with biases, GELU, all heads see all."""

    def __init__(self, ops):
        super().__init__()
        self.ops = ops
        self.q, self.k, self.v, self.o = (nn.Linear(8, 8) for _ in range(4))
        self.first, self.second = nn.LayerNorm(8), nn.LayerNorm(8)
        self.up, self.down, self.head = nn.Linear(8, 12), nn.Linear(12, 8), nn.Linear(8, 3)

    def forward(self, x):
        ops = self.ops
        q, k, v = (heads(ops.linear(f, x), 2) for f in (self.q, self.k, self.v))
        attended = ops.attention(q, k, v, causal=False).transpose(1, 2).flatten(2)
        x = ops.layer_norm(self.first, x + ops.linear(self.o, attended))
        hidden = ops.activation(F.gelu, ops.linear(self.up, x))
        return ops.linear(self.head, ops.layer_norm(self.second, x + ops.linear(self.down, hidden))[:, 0])


class Patches(nn.Module):
    """As a ViT: an encoder behind patches."""

    def __init__(self, ops):
        super().__init__()
        self.ops = ops
        self.patches, self.encoder = nn.Conv2d(3, 8, 2, 2), Encoder(ops)

    def forward(self, x):
        return self.encoder(self.ops.conv(self.patches, x).flatten(2).transpose(1, 2))


class Mamba(nn.Module):
    """A selective state space block, gated; `ops.parameters` is what becomes of dt, B and C."""

    def __init__(self, ops, held=False):
        super().__init__()
        self.ops, self.held = ops, held
        self.in_proj, self.x_proj = nn.Linear(6, 16, bias=False), nn.Linear(8, 8 + 2 + 2, bias=False)
        self.out_proj, self.log = nn.Linear(8, 3, bias=False), nn.Parameter(torch.randn(8, 2))

    def forward(self, x):
        ops = self.ops
        x, z = ops.linear(self.in_proj, ops.rms_norm(x)).chunk(2, -1)
        x = ops.activation(F.silu, x)
        chosen = self.x_proj(x)
        chosen = chosen.detach() if self.held else chosen
        dt, b, c = chosen.split([8, 2, 2], -1)
        dt = F.softplus(dt)
        a = torch.exp(dt[..., None] * -self.log.exp())
        h, each = torch.zeros_like(a[:, 0]), []
        for t in range(x.shape[1]):
            h = a[:, t] * h + (dt[:, t, :, None] * b[:, t, None]) * x[:, t, :, None]
            each.append((h * c[:, t, None]).sum(-1))
        y = torch.stack(each, 1)
        return ops.linear(self.out_proj, ops.gated(y, ops.activation(F.silu, z)))[:, -1]


class Experts(nn.Module):
    """The best two of three experts, whose weights add up to one; `held`: the denominator is a constant."""

    def __init__(self, ops, held=False):
        super().__init__()
        self.ops, self.held = ops, held
        self.router = nn.Linear(8, 3, bias=False)
        self.experts = nn.ModuleList(nn.Linear(8, 4, bias=False) for _ in range(3))

    def forward(self, x):
        best, at = self.router(x).softmax(-1).topk(2, -1)
        total = best.sum(-1, keepdim=True)
        weights = best / (total.detach() if self.held else total)
        each = torch.stack([self.ops.linear(expert, x) for expert in self.experts], -2)
        chosen = each.gather(-2, at[..., None].expand(*at.shape, 4))
        return self.ops.gated(chosen, weights[..., None]).sum(-2)[:, -1]


TOKENS, IMAGES = (2, 5, 8), (2, 3, 4, 6)
CASES = {
    "attn_lrp": (composites.attn_lrp, {}, Attn()),
    "attn_lrp, softmax constant": (composites.attn_lrp, {"softmax": "constant"}, Constant()),
    "attn_lrp, signal": (composites.attn_lrp, {"gate": "signal"}, SignalTakesAll()),
    "cp_lrp": (composites.cp_lrp, {}, CP()),
    "rel_p": (composites.rel_p, {}, RelP()),
}


def relevance(make, ops, shape, rows):
    torch.manual_seed(0)
    model, x = make(ops).double().eval(), torch.randn(shape, dtype=torch.float64)
    return model, x, lrp.explainer(model, x, rows)(x, lambda output: output).relevance


def by_gradient(make, ops, shape, **options):
    torch.manual_seed(0)
    model, x = make(ops, **options).double().eval(), torch.randn(shape, dtype=torch.float64).requires_grad_()
    output = model(x)
    return output.detach(), (x * torch.autograd.grad(output.sum(), x)[0]).detach()


def agree(got, wanted, tolerance=1e-8):
    assert float((got - wanted).abs().max() / wanted.abs().max()) < tolerance


@pytest.mark.parametrize("ops", [Plain(), InParts()], ids=["in one call", "in parts"])
@pytest.mark.parametrize("make", [Decoder, Encoder])
@pytest.mark.parametrize("case", CASES)
def test_transformers(case, make, ops):
    composite, options, surrogate = CASES[case]
    model, x, got = relevance(make, ops, TOKENS, composite(epsilon=TINY, **options))
    output, wanted = by_gradient(make, surrogate, TOKENS)
    torch.testing.assert_close(output, model(x))
    agree(got, wanted)


def test_cp_lrp_conserves_without_biases():
    model, x, got = relevance(Decoder, Plain(), TOKENS, composites.cp_lrp(epsilon=TINY))
    torch.testing.assert_close(got.sum((1, 2)), model(x).sum(1))


@pytest.mark.parametrize(("conv", "linear"), [(0.25, 0.05), (100, 0.0)])
def test_vision_transformers(conv, linear):
    rows = composites.vit_cp_gamma(conv=conv, linear=linear, epsilon=TINY)
    _, _, got = relevance(Patches, Plain(), IMAGES, rows)
    agree(got, by_gradient(Patches, Gamma(conv, linear), IMAGES)[1])


@pytest.mark.parametrize(("gate", "surrogate"), [("uniform", Attn()), ("signal", SignalTakesAll())])
def test_mamba(gate, surrogate):
    rows = composites.mamba_lrp(epsilon=TINY, gate=gate)
    model, x, got = relevance(Mamba, Plain(), (2, 5, 6), rows)
    agree(got, by_gradient(Mamba, surrogate, (2, 5, 6), held=True)[1])
    torch.testing.assert_close(got.sum((1, 2)), model(x).sum(1))


def test_experts_and_their_router_have_half_each():
    _, _, got = relevance(Experts, Plain(), TOKENS, composites.attn_lrp(epsilon=TINY))
    agree(got, by_gradient(Experts, Attn(), TOKENS, held=True)[1])


def test_projections_of_torchs_own_attention():
    torch.manual_seed(0)
    model, x = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True).double().eval(), torch.randn(2, 5, 8).double()
    found = {}
    for projections in ("gamma", "epsilon"):
        graph = lrp.canonize(lrp.trace(model, x), composite=(rows := composites.vit_cp_gamma(projections=projections)))
        found[projections] = {row["rule"].split("(")[0] for row in lrp.plan(graph, rows) if "attn" in row["layer"]}
    assert "gamma" in found["gamma"] and "epsilon" not in found["gamma"]
    assert "epsilon" in found["epsilon"] and "gamma" not in found["epsilon"]
    with pytest.raises(ValueError, match="gamma or epsilon"):
        composites.vit_cp_gamma(projections="none")


@pytest.mark.parametrize("options", [{"softmax": "taylors"}, {"gate": "half"}])
def test_options_are_checked(options):
    with pytest.raises(ValueError, match="must be one of"):
        composites.attn_lrp(**options)
