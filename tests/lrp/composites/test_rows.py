"""What is no composite, rows that fit nothing, and everything that may stand as a match."""

import copy
import re

import pytest
import torch
from torch import nn

import lrp
from lrp import composites, rules
from lrp.composites import Composite, depth, first, last, mix, named, nth
from lrp.composites.unfit import UnusedRow

FLAT = rules.flat()
REST = composites.epsilon_plus()
X = torch.rand(2, 3, 8, 8)


class Half(nn.Module):
    def forward(self, x):
        return x / 2


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), Half(), nn.Linear(144, 3)).eval()


@pytest.fixture(scope="module")
def graphs(net):
    """Of a network with a convolution, and of one without."""
    return [lrp.canonize(lrp.trace(model, X)) for model in (net, nn.Sequential(nn.Flatten(), nn.Linear(192, 3)).eval())]


@pytest.mark.parametrize(
    ("composite", "said"),
    [
        (composites.epsilon_plus, r"not called; write composites.epsilon_plus\(\)"),
        (composites.epsilon_gamma_box, r"write composites.epsilon_gamma_box\(low=\.\.\., high=\.\.\.\)"),
        ("epsilon_plus", r"a name, 'epsilon_plus'; write composites.epsilon_plus\(\)"),
        ("epsilon_pluss", r"write composites.epsilon_plus\(\)"),
        (FLAT, r"one rule.*write \[\(\"linear\", rules.flat"),
        (None, "the composite is None; write a list of rows"),
        ({"linear": FLAT}, r"a mapping; write list\(mapping.items\(\)\)"),
        (("convolution", FLAT), r"one row; write it in a list, \[\('convolution', flat"),
        (first(("convolution", FLAT)), "one row; write it in a list"),
        ([("convolution", rules.gamma), *REST], r"row 1 .* not called; write rules.gamma\(\)"),
        ([*REST, ("convolution", "gama")], r"row 9 .* 'gama'; write rules.gamma\(\)"),
        ([("convolution", 3)], "row 1 .* has 3 in place of a rule"),
        ([(FLAT, "convolution")], r"row 1 .* is \(rule, match\); write the match first"),
        (["convolution"], r"row 1 .* is 'convolution', not a pair"),
        ([("convolution", FLAT, 1)], "row 1 .* not a pair"),
        ([(nn.Linear(1, 1), FLAT)], "a module as its match; write its class, Linear"),
        ([(int, FLAT)], "the class int as its match; write a class of modules"),
        ([([], FLAT)], "an empty list as its match"),
        ([(["convolution", 3], FLAT)], "has 3 as its match; write a word"),
        ([named("0", (3, FLAT))], "has 3 as its match"),  # pyright: ignore[reportArgumentType]
        ([(torch.relu, FLAT)], "the match relu failed at conv2d .layer 0.* matched by its name"),
    ],
)
def test_what_is_no_composite_is_told_what_to_write(graphs, composite, said):
    with pytest.raises(TypeError, match=said) as caught:
        lrp.relprop(graphs[0], composite)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("narrow", [first, last, lambda row: nth(row, 0, 1), lambda row: depth(row, 0, 1)])
def test_what_is_narrowed_is_a_row(narrow):
    with pytest.raises(TypeError, match="narrows one row"):
        narrow("convolution")


UNFIT = {
    "unknown word": ([("convolutions", FLAT)] + REST, "row 1, convolutions .*: .*nearest: convolution"),
    "a kind of the table alone": ([("fold", FLAT)] + REST, "no kind, family or operator is called fold"),
    "a layer's name as a word": ([("4", FLAT)] + REST, r'name of a layer; write named\("4", \("linear", rule\)\)'),
    "a class's name as a word": ([("nn.Conv2d", FLAT)] + REST, "write the class itself, nn.Conv2d"),
    "no such layer": (
        [named("feature.0", ("convolution", FLAT))] + REST,
        "no layer is called feature.0; the nearest: 0",
    ),
    "another layer's kind": ([named("0", ("dense", FLAT))] + REST, "those layers hold conv2d, convolution, linear"),
    "unknown word in a layer": ([named("0", ("convolutions", FLAT))] + REST, "nearest: convolution"),
    "behind the composite": (REST + [("convolution", FLAT)], "row 9, .* behind convolution, which takes all"),
    "narrow, behind": (REST + [first(("conv2d", FLAT))], "behind convolution"),
    "a class, behind": (REST + [(nn.Conv2d, FLAT)], "behind convolution"),
    "a predicate, behind": (REST + [(lambda op: op.layer == "0", FLAT)], "behind convolution"),
    "between": ([("dense", FLAT)] + REST + [("relu", rules.exact())], "row 10, relu .* behind activation"),
    "no such position": ([nth(("convolution", FLAT), 5, 6)] + REST, "none at this place; convolution fits 1"),
    "no such depth": ([depth(("convolution", FLAT), 2, 3)] + REST, "none at this place"),
    "part of a list": ([(["convolution", "danse"], FLAT)] + REST, "is called danse; the nearest: dense"),
    "no such expression": ([(re.compile("features"), FLAT)] + REST, "for layers write named"),
    "predicate": ([(lambda op: op.layer == "9", FLAT)] + REST, "says yes to no operator"),
    "a class of one's own": ([(type("Mine", (nn.Module,), {}), FLAT)] + REST, "no module of this class"),
    "a part of a mix": (mix({"0": REST, "features": REST}) + REST, "no layer is called features"),
}


@pytest.mark.parametrize(("composite", "said"), UNFIT.values(), ids=UNFIT)
def test_a_row_that_fits_nothing_is_reported(graphs, composite, said):
    with pytest.warns(UnusedRow, match=said):
        lrp.plan(graphs[0], composite)
    with pytest.raises(ValueError, match=said):
        lrp.relprop(graphs[0], composite, strict=True)


def test_an_explainer_reports_too_and_raises_if_strict(net):
    row = ("convolutions", FLAT)
    with pytest.warns(UnusedRow, match="nearest: convolution"):
        lrp.explainer(net, X, [row] + REST)
    with pytest.raises(ValueError, match="nearest: convolution"):
        lrp.explainer(net, X, [row] + REST, strict=True)


BOX = composites.epsilon_gamma_box(low=0, high=1)
FITTING = [
    *(make() for name, make in composites.COMPOSITES.items() if name not in ("epsilon_gamma_box", "mamba_lrp")),
    BOX,
    mix({"[01]": composites.epsilon_alpha2_beta1(), "*": REST}),
    [("convolution", FLAT), first(("linear", FLAT)), ("residual", rules.uniform())] + REST,
    Composite([("convolution", FLAT)]) + BOX,
    [(nn.ConvTranspose2d, FLAT), (nn.Conv2d, FLAT)] + REST,
    [first(("convolution", FLAT))] + BOX,
    composites.base() + [("linear", FLAT)],
    Composite([("linear", FLAT), ("relu", rules.exact())]) + [("sum", rules.norm()), ("activation", FLAT)],
]


@pytest.mark.parametrize("composite", FITTING)
def test_rows_for_other_models_are_no_mistake(graphs, composite):
    for graph in graphs:
        lrp.relprop(graph, composite, strict=True)


MATCHES = {
    "a class": (nn.Conv2d, ["0"]),
    "a class above": (nn.modules.conv._ConvNd, ["0"]),
    "a class of one's own": (Half, ["3"]),
    "a class that only moves values": (nn.Flatten, ["2"]),
    "an expression": (re.compile("^conv"), ["0"]),
    "an expression for a kind": (re.compile("line"), ["0", "4"]),
    "a list": (["convolution", nn.Linear], ["0", "4"]),
    "a list of one": ([lambda op: op.layer == "4"], ["4"]),
}


@pytest.mark.parametrize(("match", "layers"), MATCHES.values(), ids=MATCHES)
def test_matches_of_every_sort(graphs, match, layers):
    ours = rules.Rule(rules.exact().propagate, name="ours")
    found = lrp.plan(graphs[0], [(match, ours)] + REST)
    assert [row["layer"] for row in found if row["rule"] == "ours()"] == layers


@pytest.mark.parametrize("pattern", [re.compile(r"^[04]$"), ["0", "4"], (re.compile("0"), "4"), "[04]", "^[04]$"])
def test_patterns_of_layers_of_every_sort(graphs, pattern):
    found = lrp.plan(graphs[0], [named(pattern, ("linear", FLAT))] + REST)
    assert [row["layer"] for row in found if row["rule"].startswith("flat")] == ["0", "4"]


def test_a_class_is_what_its_modules_compute_not_how_they_pad():
    layer = nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect")
    normed = nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 4, 3))
    graph = lrp.canonize(lrp.trace(nn.Sequential(layer, nn.ReLU(), normed).eval(), X))
    found = {row["operator"]: row["rule"].split("(")[0] for row in lrp.plan(graph, [(nn.Conv2d, FLAT)] + REST)}
    assert found == {"pad": "exact", "conv2d": "flat", "relu": "pass_through"}


def test_a_class_goes_on_through_canonizing():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).eval()
    graph = lrp.canonize(lrp.trace(model, X))
    found = lrp.plan(graph, [(nn.Conv2d, FLAT)] + REST)
    assert [row["rule"].split("(")[0] for row in found] == ["flat", "pass_through"]


def test_every_sort_of_match_is_written_as_json_and_read():
    table = Composite(
        [
            (nn.Conv2d, FLAT),
            (("convolution", re.compile("lin", re.IGNORECASE)), FLAT),
            named(["a.*", re.compile("b")], first((nn.ReLU, FLAT))),
            named("^a", ("dense", FLAT)),
        ]
    )
    assert composites.from_json(composites.to_json(table)) == table
    with pytest.raises(ValueError, match="Half cannot be written as JSON"):
        composites.to_json([(Half, FLAT)])


def test_a_composite_is_copied_with_what_it_knows_of_its_rows():
    table = REST + [("convolution", FLAT)]
    copied = copy.deepcopy(table)
    assert isinstance(copied, Composite) and copied.behind == table.behind
    assert repr(Composite([(["convolution", nn.ReLU, re.compile("x")], FLAT)])).startswith("convolution or ReLU or /x/")
