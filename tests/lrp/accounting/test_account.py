import pytest
import torch
from torch import nn

import lrp
from lrp import rules
from lrp.testing import randomize
from tests.support.networks import BOX, cnn, image, prepared


def test_the_audit_names_bias_and_stabilizer():
    model = randomize(nn.Linear(3, 2), 0)
    x = torch.randn(4, 3, dtype=torch.float64)
    program, weights = prepared(model, x, [("linear", rules.epsilon(0.5))])
    seed = torch.randn(4, 2, dtype=torch.float64)
    account = lrp.audit(program, weights, x, seed).isel(node=0)
    z = model(x).detach()
    stable = rules.stabilize(z, 0.5)
    torch.testing.assert_close(torch.as_tensor(account.bias.values), (model.bias / stable * seed).detach().sum(1))
    torch.testing.assert_close(torch.as_tensor(account.stabilizer.values), ((stable - z) / stable * seed).sum(1))
    assert abs(account.dropped).max() < 1e-12
    total = account.input + account.bias + account.stabilizer
    torch.testing.assert_close(torch.as_tensor(total.values), seed.sum(1))


@pytest.mark.parametrize("composite", [BOX, lrp.composites.epsilon_alpha2_beta1_flat()], ids=["box", "flat"])
def test_weight_relevance_sums_to_what_the_layer_passes_on(composite):
    x = image()
    program, weights = prepared(cnn(), x, composite)
    output = program(weights, x)[0].detach()
    account = lrp.audit(program, weights, x, output)
    for layer in ("0", "4", "7"):
        (found,) = lrp.weight_relevance(program, weights, x, output, layer).values()
        assert found.shape == cnn().get_parameter(f"{layer}.weight").shape
        node = program.graph.find(layer).name
        assert float(found.sum()) == pytest.approx(float(account.passed.sel(node=node).sum()), rel=1e-9)
    with pytest.raises(ValueError, match="has no weights"):
        lrp.weight_relevance(program, weights, x, output, "3")


def test_a_dense_weights_relevance_in_closed_form():
    model = randomize(nn.Linear(3, 2), 0)
    x = torch.randn(4, 3, dtype=torch.float64)
    program, weights = prepared(model, x, [("linear", rules.epsilon(1e-9))])
    seed = torch.randn(4, 2, dtype=torch.float64)
    z = model(x).detach()
    expected = torch.einsum("bi,oi,bo->oi", x, model.weight.detach(), seed / rules.stabilize(z, 1e-9))
    torch.testing.assert_close(lrp.weight_relevance(program, weights, x, seed, "linear")["weight"], expected)


class ClassToken(nn.Module):
    """A token that the model brings with it, in front of those of the input."""

    def __init__(self):
        super().__init__()
        self.token, self.dense = nn.Parameter(torch.ones(1, 1, 4)), nn.Linear(12, 3)

    def forward(self, x):
        return self.dense(torch.cat([self.token.expand(len(x), -1, -1), x], 1).flatten(1))


def test_the_audit_books_a_class_token_as_moved_in():
    model = randomize(ClassToken(), 0)
    x = torch.randn(3, 2, 4, dtype=torch.float64)
    program, weights = prepared(model, x, lrp.composites.epsilon_plus(zero_params="bias"))
    output, pullback = program(weights, x)
    account = lrp.audit(program, weights, x, output.detach())
    cat = account.isel(node=list(account.operator.values).index("cat"))
    assert abs(cat.dropped).max() < 1e-12 < abs(cat.moved_in).min()
    torch.testing.assert_close(
        torch.from_numpy((cat.arrived - cat.moved_in).values), pullback(output.detach()).sum((1, 2))
    )


class Pairs(nn.Module):
    """Each sample's likeness to all others, as in CLIP: `(batch, batch)`."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(3, 4, bias=False)

    def forward(self, x):
        y = self.dense(x)
        return y @ y.T


class Centred(nn.Module):
    """Each sample apart from the mean of all."""

    def forward(self, x):
        return x - x.mean(0)


@pytest.mark.parametrize("model", [Pairs(), Centred()], ids=["pairs", "centred"])
def test_samples_that_are_not_independent_are_accounted_for_together(model):
    x = torch.randn(4, 3, dtype=torch.float64)
    explain = lrp.explainer(model.double().eval(), x[:2], lrp.composites.attn_lrp(epsilon=1e-12))
    output, relevance = explain(x, lambda o: o)
    account = lrp.audit(explain.program, explain.weights, x, output)
    torch.testing.assert_close(torch.as_tensor(account.seed.values), output.sum(1))
    torch.testing.assert_close(torch.as_tensor(account.input.values).sum(), relevance.sum())
    assert abs(account.residual).max() < 1e-9
