import pytest
import torch
from torch import nn

import lrp
from bench.attribution.checks import by_loops, without_facts
from lrp import composites, rules
from lrp.composites import Composite, depth, first, from_json, last, mix, named, nth, to_json
from lrp.transform.assignment import assign
from tests.support.networks import Functional, image

FLAT = rules.flat()
REST = composites.epsilon_plus()


@pytest.fixture(scope="module")
def graph():
    convolutions = [layer for _ in range(4) for layer in (nn.Conv2d(3, 3, 3, padding=1), nn.ReLU())]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2)]
    model = nn.ModuleDict({"features": nn.Sequential(*convolutions), "head": nn.Sequential(*head)})
    return lrp.trace(Joined(model).eval(), torch.zeros(1, 3, 6, 6))


class Joined(nn.Module):
    def __init__(self, parts):
        super().__init__()
        self.features, self.head = parts["features"], parts["head"]

    def forward(self, x):
        return self.head(self.features(x))


def flat_layers(graph, *rows):
    return [row["layer"] for row in lrp.plan(graph, [*rows, *REST]) if row["rule"].startswith("flat")]


@pytest.mark.parametrize(
    ("row", "layers"),
    [
        (("conv2d", FLAT), ["features.0", "features.2", "features.4", "features.6"]),
        (("dense", FLAT), ["head.2", "head.4"]),
        (first(("linear", FLAT)), ["features.0"]),
        (last(("linear", FLAT)), ["head.4"]),
        (nth(("convolution", FLAT), 1, 3), ["features.2", "features.4"]),
        (nth(("convolution", FLAT), -2, None), ["features.4", "features.6"]),
        (depth(("convolution", FLAT), 0, 0.5), ["features.0", "features.2"]),
        (depth(("linear", FLAT), 0.5, 1), ["features.6", "head.2", "head.4"]),
        (named("features.[24]", ("linear", FLAT)), ["features.2", "features.4"]),
        (named(r"^head\.\d$", ("linear", FLAT)), ["head.2", "head.4"]),
        (last(named("features.*", ("linear", FLAT))), ["features.6"]),
        ((lambda op: op.name == "linear" and op.shape[-1] == 2, FLAT), ["head.4"]),
        (first(("bilinear", FLAT)), []),
    ],
)
def test_matches(graph, row, layers):
    assert flat_layers(graph, row) == layers


def test_the_first_matching_row_wins(graph):
    assert flat_layers(graph, ("convolution", rules.gamma()), ("linear", FLAT)) == ["head.2", "head.4"]


def test_mixed_composites_count_positions_within_their_part(graph):
    table = mix({"head.*": composites.epsilon_plus_flat(), "*": composites.epsilon_alpha2_beta1()})
    rows = {row["layer"]: row["rule"].split("(")[0] for row in lrp.plan(graph, table)}
    assert rows["head.2"] == "flat" and rows["head.4"] == "epsilon" and rows["features.0"] == "alpha_beta"


def test_first_is_first_in_data_flow_not_in_registration():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.late, self.early = nn.Linear(3, 2), nn.Linear(4, 3)

        def forward(self, x):
            return self.late(self.early(x).relu())

    assert flat_layers(lrp.trace(Backwards().eval(), torch.zeros(1, 4)), first(("linear", FLAT))) == ["early"]


def test_rows_add_on_both_sides_and_stay_a_composite():
    row = ("relu", rules.exact())
    assert isinstance([row] + REST, Composite) and ([row] + REST)[0] == row
    assert isinstance(REST + [row], Composite) and (REST + [row])[-1] == row


def test_a_composite_prints_as_a_table():
    text = repr([first(("linear", FLAT))] + composites.epsilon_plus(epsilon=0.5)).splitlines()
    assert text[0] == "first linear   flat(stabilizer=1e-06)"
    assert text[-1] == "dense          epsilon(epsilon=0.5, zero_params=None)"


@pytest.mark.parametrize("name", composites.COMPOSITES)
def test_named_composites_compare_equal_and_round_trip_to_json(name):
    box = {"low": -1.0, "high": 2.0} if name == "epsilon_gamma_box" else {}
    table, again = (composites.COMPOSITES[name](**box) for _ in range(2))
    assert table == again and hash(table) == hash(again)
    assert from_json(to_json(table)) == table


def test_tensors_stabilizers_and_positions_survive_json(graph):
    low, high = torch.tensor([[[-2.0]], [[-1.0]], [[-3.0]]]), torch.tensor([[[2.0]], [[1.0]], [[3.0]]])
    stabilizer = lrp.Stabilizer(0.01, clip=True, norm_scale=True, dim=(1,))
    table = [depth(named("f*", ("linear", FLAT)), 0.25, 0.5)] + composites.epsilon_gamma_box(
        low, high, epsilon=stabilizer
    )
    back = from_json(to_json(table))
    assert repr(back) == repr(table)
    assert dict(back[-1][1].options)["epsilon"] == stabilizer
    x = torch.rand(1, 3, 6, 6)
    results = []
    for composite in (table, back):
        program = lrp.relprop(graph, composite)
        output, pullback = program(program.prepare(graph.params), x)
        results.append(pullback(output))
    torch.testing.assert_close(*results)


def test_a_stabilizer_by_the_norm_sees_what_a_relu_cuts_off():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2)).eval().double()
    rows = [("linear", lrp.rules.epsilon(lrp.Stabilizer(0.1, norm_scale=True, dim=(1,))))]
    x = torch.randn(50, 4, dtype=torch.float64)  # of some samples all units are cut off
    _, relevance = lrp.explainer(model, x, rows)(x, 0)
    z, head = model[0](x), model[2]

    def stable(z):
        return z + 0.1 * z.sign() * z.square().mean(1, keepdim=True).sqrt()

    hidden = z.relu() * (torch.tensor([1.0, 0.0]).double() / stable(model(x)) @ head.weight)
    expected = x * (hidden / stable(z) @ model[0].weight)
    assert bool((z < 0).all(1).any())
    torch.testing.assert_close(relevance, expected)


NORM = lrp.Stabilizer(0.1, norm_scale=True, dim=(1,))


@pytest.mark.parametrize(
    "rule",
    [rules.epsilon(NORM), rules.gamma(0.25, NORM), rules.alpha_beta(2, 1, NORM), rules.z_plus(NORM)],
    ids=str,
)
def test_a_stabilizer_by_the_norm_is_the_same_without_any_facts(rule):
    torch.manual_seed(0)
    model = nn.Sequential(nn.ReLU(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))
    model, x = model.eval().double(), torch.randn(50, 4, dtype=torch.float64)
    graph, seed = lrp.trace(model, x), torch.randn(50, 2, dtype=torch.float64)
    expected = by_loops(graph, without_facts(assign(graph, [("linear", rule)])), x, seed)
    torch.testing.assert_close(lrp.explainer(model, x, [("linear", rule)])(x, seed).relevance, expected)


def test_what_json_cannot_hold_is_named():
    with pytest.raises(ValueError, match="the predicate <lambda> cannot be written as JSON"):
        to_json([(lambda op: True, FLAT)])
    with pytest.raises(ValueError, match=r"the rule custom\(\) cannot be written as JSON"):
        to_json([("linear", lrp.Rule(lambda *_: ()))])
    with pytest.raises(
        ValueError, match=r"the function .* of epsilon cannot be written as JSON; use a number or a Stab"
    ):
        to_json([("linear", rules.epsilon(lambda z: z))])
    with pytest.raises(ValueError, match="unknown rule 'gama'; known ones: absolute, alpha_beta"):
        from_json('[{"match": "linear", "rule": {"name": "gama", "options": {}}}]')


def test_residual_sums_take_the_rule_asked_for():
    graph = lrp.canonize(lrp.trace(Functional().eval().double(), image()))
    for residual in ("norm", "absolute", "uniform"):
        table = lrp.plan(graph, composites.epsilon_gamma_box(0.0, 1.0, residual=residual))
        assert [row["rule"].split("(")[0] for row in table if row["operator"] == "add"] == [residual] * 2
    with pytest.raises(ValueError, match="residual must be one of norm, absolute, uniform, got 'half'"):
        composites.epsilon_plus(residual="half")


def test_a_rule_made_by_hand_takes_part():
    def doubled(op, weights, inputs, output, relevance):
        return (2 * relevance @ weights["weight"],)

    model = nn.Linear(3, 2, bias=False).eval()
    explain = lrp.explainer(model, torch.zeros(1, 3), [("linear", lrp.Rule(doubled, name="doubled"))])
    x = torch.randn(4, 3)
    torch.testing.assert_close(explain(x, 1)[1], (2 * model.weight[1]).detach().expand(4, 3))
