"""Rules in closed form on explicit matrices: `a (in,)`, `W (out, in)`, `b (out,)`, `R (out,)` -> `(in,)`."""

import torch

from lrp import rules

EPS = 1e-6
LOW, HIGH = -3.0, 3.0


def stab(z, eps=EPS):
    return z + eps * torch.where(z >= 0, 1.0, -1.0)


def pos(x):
    return x.clamp(min=0)


def neg(x):
    return x.clamp(max=0)


def parts(a, W):
    terms = W * a
    return pos(terms), neg(terms)


def share(R, D):
    """R / D with 0 / 0 = 0."""
    return torch.where(D == 0, 0.0, R / D)


def epsilon(eps):
    return lambda a, W, b, R: ((W * a) * share(R, stab(W @ a + b, eps))[:, None]).sum(0)


def gamma(g):
    def oracle(a, W, b, R):
        p, m = parts(a, W)
        z = W @ a + b
        up = (W * a + g * p) / stab(z + g * (p.sum(1) + pos(b)))[:, None]
        down = (W * a + g * m) / stab(z + g * (m.sum(1) + neg(b)))[:, None]
        chosen = torch.where((z > 0)[:, None], up, torch.where((z < 0)[:, None], down, 0.0))
        return (chosen * R[:, None]).sum(0)

    return oracle


def alpha_beta(alpha, beta):
    def oracle(a, W, b, R):
        p, m = parts(a, W)
        up = p / stab(p.sum(1) + pos(b))[:, None]
        down = m / stab(m.sum(1) + neg(b))[:, None]
        return ((alpha * up - beta * down) * R[:, None]).sum(0)

    return oracle


def z_box(a, W, b, R):
    n = W * a - pos(W) * LOW - neg(W) * HIGH
    return (n * (R / stab(n.sum(1)))[:, None]).sum(0)


def flat(a, W, b, R):
    n = (W != 0).to(W)
    return (n * (R / stab(n.sum(1)))[:, None]).sum(0)


def w_square(with_bias):
    def oracle(a, W, b, R):
        n = W.square()
        return (n * (R / stab(n.sum(1) + (b.square() if with_bias else 0)))[:, None]).sum(0)

    return oracle


def without_bias(oracle):
    return lambda a, W, b, R: oracle(a, W, torch.zeros_like(b), R)


CASES = {
    "epsilon 0": (rules.epsilon(0), epsilon(0)),
    "epsilon": (rules.epsilon(), epsilon(EPS)),
    "epsilon 0.5": (rules.epsilon(0.5), epsilon(0.5)),
    "epsilon callable": (rules.epsilon(lambda z: stab(z, 0.1)), epsilon(0.1)),
    "epsilon no bias": (rules.epsilon(zero_params="bias"), without_bias(epsilon(EPS))),
    "norm": (rules.norm(), epsilon(EPS)),
    "gamma": (rules.gamma(), gamma(0.25)),
    "gamma 3": (rules.gamma(3.0), gamma(3.0)),
    "gamma no bias": (rules.gamma(0.5, zero_params=["bias"]), without_bias(gamma(0.5))),
    "z_plus": (rules.z_plus(), alpha_beta(1, 0)),
    "z_plus no bias": (rules.z_plus(zero_params="bias"), without_bias(alpha_beta(1, 0))),
    "alpha2 beta1": (rules.alpha_beta(2, 1), alpha_beta(2, 1)),
    "alpha1.4 beta0.4": (rules.alpha_beta(1.4, 0.4), alpha_beta(1.4, 0.4)),
    "alpha2 beta1 no bias": (rules.alpha_beta(2, 1, zero_params="bias"), without_bias(alpha_beta(2, 1))),
    "z_box": (rules.z_box(LOW, HIGH), z_box),
    "flat": (rules.flat(), flat),
    "w_square": (rules.w_square(), w_square(False)),
    "w_square with bias": (rules.w_square(bias=True), w_square(True)),
}
"""Name -> (our rule, its closed form)."""
