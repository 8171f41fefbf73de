"""LSTM and GRU with gates by signal-takes-all (Arras et al. 2017, doi:10.18653/v1/W17-5221; Arras et al. 2019,
doi:10.1007/978-3-030-28954-6_11) against gradient times input of the cell with gates and slopes held, in float64."""

import pytest
import torch
from torch import nn

import lrp
from tests.support.sweep import held

TINY = 1e-13
ROWS = lrp.composites.epsilon_plus(epsilon=TINY, stabilizer=TINY)
tanh = held(torch.tanh)


class Last(nn.Module):
    """What a recurrent layer says after the last step, as classes."""

    def __init__(self, kind, **options):
        super().__init__()
        self.layer = kind(4, 5, batch_first=True, **options)
        width = 5 * (1 + self.layer.bidirectional)
        self.head = nn.Linear(width, 3, bias=self.layer.bias)

    def forward(self, x):
        return self.head(self.layer(x)[0][:, -1])


def own(layer, suffix):
    found = (getattr(layer, f"{name}_{suffix}", None) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    return [torch.zeros(1).double() if value is None else value for value in found]


def lstm(layer, x, suffix):
    """c_t = f c_(t-1) + i tanh(g), h_t = o tanh(c_t): the gates i, f, o receive nothing."""
    w, u, b, d = own(layer, suffix)
    h, c, each = x.new_zeros(len(x), 5), x.new_zeros(len(x), 5), []
    for step in x.unbind(1):
        i, f, g, o = (step @ w.T + b + h @ u.T + d).chunk(4, 1)
        c = f.sigmoid().detach() * c + i.sigmoid().detach() * tanh(g)
        h = o.sigmoid().detach() * tanh(c)
        each.append(h)
    return torch.stack(each, 1)


def gru(layer, x, suffix):
    """n = tanh(g + r k), h_t = (1 - z) n + z h_(t-1): the gates r and z receive nothing."""
    w, u, b, d = own(layer, suffix)
    h, each = x.new_zeros(len(x), 5), []
    for step in x.unbind(1):
        one, other = (step @ w.T + b).chunk(3, 1), (h @ u.T + d).chunk(3, 1)
        r, z = ((a + b).sigmoid().detach() for a, b in zip(one[:2], other[:2], strict=True))
        h = (1 - z) * tanh(one[2] + r * other[2]) + z * h
        each.append(h)
    return torch.stack(each, 1)


def by_gradient(model, x, cell):
    x = x.clone().requires_grad_()
    y = x
    for number in range(model.layer.num_layers):
        ways = [cell(model.layer, y, f"l{number}")]
        if model.layer.bidirectional:
            ways.append(cell(model.layer, y.flip(1), f"l{number}_reverse").flip(1))
        y = torch.cat(ways, 2)
    output = model.head(y[:, -1])
    return output.detach(), (x * torch.autograd.grad(output.sum(), x)[0]).detach()


CASES = {
    "LSTM": (nn.LSTM, lstm, {}),
    "LSTM, two layers, both ways": (nn.LSTM, lstm, {"num_layers": 2, "bidirectional": True}),
    "GRU": (nn.GRU, gru, {}),
    "GRU, both ways": (nn.GRU, gru, {"bidirectional": True}),
}


SLOW = {"LSTM, two layers, both ways", "GRU, both ways"}


@pytest.mark.parametrize("case", [pytest.param(c, marks=[pytest.mark.slow] * (c in SLOW)) for c in CASES])
@pytest.mark.parametrize("bias", [True, False], ids=["biases", "no biases"])
def test_gates_are_held(case, bias):
    kind, cell, options = CASES[case]
    torch.manual_seed(0)
    model = Last(kind, bias=bias, **options).eval().double()
    for name, parameter in model.layer.named_parameters():
        if kind is nn.GRU and "bias_hh" in name:  # behind a state of zero its gate is all that depends on the input
            parameter.data[10:] = 0
    x = torch.randn(2, 4, 4, dtype=torch.float64)
    explain = lrp.explainer(model, x, ROWS)
    output, relevance = explain(x, lambda o: o)
    expected, wanted = by_gradient(model, x, cell)
    torch.testing.assert_close(output, expected)
    torch.testing.assert_close(relevance, wanted, rtol=1e-7, atol=1e-9)
    if not bias:
        torch.testing.assert_close(relevance.sum((1, 2)), output.sum(1))
    account = lrp.audit(explain.program, explain.weights, x, output)
    assert abs(account.residual).max() < 1e-9
