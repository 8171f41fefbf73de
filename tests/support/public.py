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
from collections.abc import Callable

import torch
from torch import Tensor, nn

import lrp
from lrp.graph.facts import facts
from tests.support.operators import PLACES, WIDTH, Operator, every, first

COMPOSITE = lrp.composites.base(1e-12) + [("linear", lrp.rules.epsilon(1e-12))]


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
