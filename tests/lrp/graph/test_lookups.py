"""Integers that look something up carry relevance; those that count, compare or mask carry none."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import lrp
from lrp.graph.aten import operator_name

EXACT = [("linear", lrp.rules.epsilon(1e-12))] + lrp.composites.base(1e-12)


class Tokens(nn.Module):
    """`made(self, ids)`, `(batch, item, 4)` or `(batch, 4)`, beside numbers."""

    def __init__(self, made) -> None:
        super().__init__()
        self.made, self.emb, self.table = made, nn.Embedding(7, 4), nn.Parameter(torch.randn(7, 4))
        self.codes = nn.Linear(7, 4, bias=False)
        self.bags = nn.ModuleDict({mode: nn.EmbeddingBag(7, 4, mode=mode) for mode in ("sum", "mean", "max")})
        self.head = nn.Linear(4 + 2, 3, bias=False)

    def forward(self, ids: Tensor, numbers: Tensor) -> Tensor:
        found = self.made(self, ids)
        return self.head(torch.cat([found.sum(1) if found.ndim == 3 else found, numbers], 1))


def _winners(values: Tensor) -> Tensor:
    return functional.one_hot(values.argmax(1), values.shape[1]).mT * values


WAYS = {
    "embedding": (lambda m, ids: m.emb(ids), lambda m, ids: m.emb(ids)),
    "index": (lambda m, ids: m.table[ids], lambda m, ids: m.table[ids]),
    "index_select": (
        lambda m, ids: m.table.index_select(0, ids.reshape(-1)).reshape(*ids.shape, 4),
        lambda m, ids: m.table[ids],
    ),
    "functional": (lambda m, ids: functional.embedding(ids, m.table), lambda m, ids: m.table[ids]),
    "one-hot": (
        lambda m, ids: m.codes(functional.one_hot(ids, 7).to(m.table.dtype)),
        lambda m, ids: m.codes.weight.T[ids],
    ),
    "offsets": (
        lambda m, ids: m.emb(ids.clamp(0, 3) + torch.arange(ids.shape[1])),
        lambda m, ids: m.emb(ids.clamp(0, 3) + torch.arange(ids.shape[1])),
    ),
    "columns": (
        lambda m, ids: torch.stack([m.emb(ids[:, i]) for i in range(ids.shape[1])], 1),
        lambda m, ids: m.emb(ids),
    ),
    "moved": (lambda m, ids: m.emb(ids.int().flip(1).long()), lambda m, ids: m.emb(ids)),
    "sum of a bag": (lambda m, ids: m.bags["sum"](ids), lambda m, ids: m.bags["sum"].weight[ids]),
    "mean of a bag": (lambda m, ids: m.bags["mean"](ids), lambda m, ids: m.bags["mean"].weight[ids] / ids.shape[1]),
    "largest of a bag": (
        lambda m, ids: m.bags["max"](ids),
        lambda m, ids: _winners(m.bags["max"].weight[ids]),
    ),
}


@pytest.fixture
def given() -> tuple[Tensor, Tensor]:
    return torch.tensor([[1, 5, 2], [6, 0, 3], [4, 2, 1]]), torch.rand(3, 2, dtype=torch.float64) + 0.1


@pytest.mark.parametrize("made, values", WAYS.values(), ids=WAYS)
def test_an_integer_receives_what_it_looks_up(made, values, given):
    model = Tokens(made).double().eval()
    explain = lrp.explainer(model, given, EXACT)
    output, (to_ids, to_numbers) = explain(given, 1)
    expected = (values(model, given[0]) * model.head.weight[1, :4]).sum(2) / output[:, 1:2]
    torch.testing.assert_close(to_ids * output[:, 1:2], expected.detach() * output[:, 1:2], rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(to_numbers, (given[1] * model.head.weight[1, 4:] / output[:, 1:2]).detach())


def test_an_embedding_is_a_layer_like_all_others(given):
    model = Tokens(lambda m, ids: m.emb(ids)).double().eval()
    explain = lrp.explainer(model, given, EXACT)
    output, pullback = explain.program(explain.weights, given)
    (to_ids, _), hidden = pullback(lrp.explain.seed_of(output, 1), at=["emb"])
    share = model.emb(given[0]) * model.head.weight[1, :4] / output[:, 1, None, None]
    torch.testing.assert_close(hidden["emb"].relevance, share.detach(), rtol=1e-8, atol=1e-8)
    assert torch.equal(hidden["emb"].relevance.sum(2), to_ids)


QUIET = {
    "mask": lambda m, ids: m.emb(ids) * (ids != 0)[..., None],
    "positions": lambda m, ids: m.emb(ids) + m.table[torch.arange(ids.shape[1])],
    "counted": lambda m, ids: m.emb(ids) + m.table[torch.cumsum(ids != 0, 1) * (ids != 0)],
    "as numbers": lambda m, ids: m.emb(ids) * ids.to(m.table.dtype)[..., None],
}


@pytest.mark.parametrize("made", QUIET.values(), ids=QUIET)
def test_what_else_is_made_of_integers_is_no_signal_and_the_audit_names_it(made, given):
    model = Tokens(made).double().eval()
    graph = lrp.canonize(lrp.trace(model, given))
    program = lrp.relprop(graph, EXACT)
    weights = program.prepare(graph.params)
    output, _ = program(weights, given)
    account = lrp.audit(program, weights, given, lrp.explain.seed_of(output, 1))
    assert abs(account.residual).max() < 1e-9 * account.scale.max()
    looked_up = abs(account.lookup).sum()
    assert (looked_up > 1e-3) == (made in (QUIET["positions"], QUIET["counted"]))
    assert abs(account.bias).sum() == 0


def test_columns_of_the_audit_add_up(given):
    model = nn.Sequential(nn.Linear(2, 5), nn.LayerNorm(5), nn.ReLU(), nn.Linear(5, 3)).double().eval()
    graph = lrp.trace(model, given[1])
    program = lrp.relprop(graph, lrp.composites.epsilon_plus())
    weights = program.prepare(graph.params)
    account = lrp.audit(program, weights, given[1], torch.ones(3, 3, dtype=torch.float64))
    columns = ("passed", "bias", "lookup", "constant", "moved_in", "stabilizer", "dropped")
    torch.testing.assert_close(
        torch.from_numpy(sum(account[name] for name in columns).values), torch.from_numpy(account.arrived.values)
    )


def test_a_bag_with_offsets_is_a_missing_rule_that_says_what_to_give(given):
    class Bags(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bag, self.head = nn.EmbeddingBag(7, 4), nn.Linear(4, 2)

        def forward(self, ids: Tensor, numbers: Tensor) -> Tensor:
            return self.head(self.bag(ids.reshape(-1), torch.arange(numbers.shape[0])) + numbers[:, :1])

    with pytest.raises(lrp.MissingRule, match="matrix of indices"):
        lrp.explainer(Bags().double().eval(), given, lrp.composites.epsilon_plus())


def test_rounded_numbers_look_up_too():
    class Columns(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.emb, self.head = nn.Embedding(7, 4), nn.Linear(5, 2, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(torch.cat([self.emb(x[:, 0].long()), x[:, 1:]], 1))

    model, x = Columns().double().eval(), torch.tensor([[3.0, 0.5], [6.0, 0.2]], dtype=torch.float64)
    output, relevance = lrp.explainer(model, x, EXACT)(x, 1)
    expected = (model.emb(x[:, 0].long()) * model.head.weight[1, :4]).sum(1) / output[:, 1]
    torch.testing.assert_close(relevance[:, 0], expected.detach())


def test_the_gradient_of_an_embedding_is_the_gradient(given):
    model = Tokens(lambda m, ids: m.emb(ids)).double().eval()
    explain = lrp.explainer(model, given, lrp.composites.GRADIENT)
    output, pullback = explain.program(explain.weights, given)
    (_, to_numbers), hidden = pullback(lrp.explain.seed_of(output, 1), at=["emb"])
    assert torch.equal(hidden["emb"].relevance[0, 0], model.head.weight[1, :4].detach())
    assert torch.equal(to_numbers[0], model.head.weight[1, 4:].detach())


def test_one_hot_codes_in_words_of_another_kind_are_found():
    graph = lrp.trace(Tokens(WAYS["one-hot"][0]).eval(), (torch.zeros(2, 3, dtype=torch.long), torch.zeros(2, 2)))
    assert "embedding" in {operator_name(node.target) for node in graph.fx.nodes}
