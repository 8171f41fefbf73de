"""Rules for what weighs other values: attention in one piece, and outputs that count as weights."""

from __future__ import annotations

from torch import Tensor

from lrp.graph.aten import arguments
from lrp.graph.op import Inputs, Op, Params
from lrp.rules.rule import Rule, Shares, factory
from lrp.rules.stabilizer import Stabilize, divide


@factory
def constant() -> Rule:
    """The operator's output is a weight: relevance stops there.

    Products, divisions and matrix products that it takes part in are linear in the other factor, which receives all.
    `("softmax", constant())` holds attention weights fixed (CP-LRP; Ali et al. 2022, arXiv:2202.07304),
    `named("*.x_proj", ("linear", constant()))` the selective parameters of a state space model (MambaLRP; Jafari et al.
    2024, arXiv:2406.07592).

    Example:
        >>> import lrp
        >>> lrp.Composite([("softmax", constant())]) + lrp.composites.epsilon_plus()[-1:]
        softmax  constant()
        dense    epsilon(epsilon=1e-06, zero_params=None)
    """

    def receives(op: Op) -> tuple[bool, ...]:
        return (False,) * len(op.inputs)

    def propagate(op: Op, weights: Params, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        del op, weights, output, relevance
        return (None,) * len(inputs)

    return Rule(propagate, receives=receives, holds=True)


ROLES = ("query", "key", "value")


@factory
def attention(query: float = 0.25, key: float = 0.25, value: float = 0.5, stabilizer: Stabilize = 1e-6) -> Rule:
    """O = softmax(q k^T / sqrt(d)) v in one piece: R_x = factor_x x (dO/dx)^T R / stab(O) for x = q, k, v.

    With these factors it is AttnLRP: what `half_and_half` for both products and `softmax_taylor` give together
    (Achtibat et al. 2024, arXiv:2402.05602, Prop. 3.1, 3.3), since R = x c everywhere, c the coefficient: the softmax
    keeps its gradient, each product halves, q and k see both. `attention(0, 0, 1)` holds the weights fixed (CP-LRP; Ali
    et al. 2022, arXiv:2202.07304). What is kept of the prediction grows with the length, where that of the pieces
    grows with its square.

    A composite with a row for `attention` has it left whole, by `lrp.explainer` and by `lrp.canonize(graph,
    composite=...)`.
    """
    factors = dict(zip(ROLES, (query, key, value), strict=True))

    def factor(op: Op) -> tuple[float, ...]:
        given = arguments(op.node)
        own = [sum(f for role, f in factors.items() if given[role] is node) for node in op.inputs]
        if len(op.inputs) != op.degree or any(node not in [given[role] for role in ROLES] for node in op.inputs):
            raise ValueError("attention needs query, key and value apart and a constant mask; canonize the graph first")
        return tuple(own)

    def receives(op: Op) -> tuple[bool, ...]:
        return tuple(bool(share) for share in factor(op))

    def propagate(op: Op, weights: Params, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        cotangents = op.transpose(weights, inputs, divide(relevance, output, stabilizer))
        shares = zip(inputs, cotangents, factor(op), strict=True)
        return tuple(x * cotangent * own if own else None for x, cotangent, own in shares)

    return Rule(propagate, receives=receives, stabilizer=stabilizer, proportional=True)
