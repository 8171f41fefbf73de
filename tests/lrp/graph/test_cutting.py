"""Parts of a graph, and what is put between."""

import pickle

import pytest
import torch
from torch import nn

import lrp
from tests.support.networks import Functional, Shared, image

aten = torch.ops.aten


@pytest.fixture
def graph():
    torch.manual_seed(0)
    return lrp.trace(Functional().double().eval(), image())


def test_until_and_since_are_the_whole(graph):
    x = image(3)
    for node in graph.fx.nodes:
        if node.op != "call_function" or node.name not in ("relu_1", "max_pool2d", "cat", "flatten"):
            continue
        try:
            rest = lrp.since(graph, node.name)
        except ValueError:
            continue
        hidden = lrp.until(graph, node.name)(graph.params, x)
        assert torch.equal(rest(graph.params, hidden), graph(graph.params, x))


def test_a_layer_that_does_not_cut_says_what_passes_it_by(graph):
    with pytest.raises(ValueError, match=r"cannot be cut at 'second': what is behind it also reads relu\b"):
        lrp.since(graph, "second")


def test_the_rest_of_a_model_can_be_explained(graph):
    part = lrp.since(graph, "classify")
    assert part(part.params, torch.ones(2, 3, dtype=torch.double)).shape == (2, 3)
    rest = lrp.since(graph, graph.find("classify").args[0].name)
    x = torch.rand(2, 32, dtype=torch.double)
    output, relevance = lrp.explainer(rest, lrp.composites.epsilon_plus())(x)
    assert torch.equal(output, rest(rest.params, x)) and relevance.shape == x.shape


def test_what_is_inserted_is_the_layers_output_and_its_parameters_are_the_graphs(graph):
    weight = torch.randn(4, dtype=torch.double)[:, None, None]
    scaled = lrp.insert(
        graph, "first", {"by.weight": weight}, lambda call, x, p: call(aten.mul.Tensor, x, p["by.weight"])
    )
    x = image(3)
    expected = lrp.until(graph, "first")(graph.params, x) * weight
    assert torch.equal(lrp.until(scaled, "first")(scaled.params, x), expected)
    assert set(scaled.params) - set(graph.params) == {"by.weight"} and "by.weight" not in graph.params
    ones = {**scaled.params, "by.weight": torch.ones_like(weight)}
    assert torch.equal(scaled(ones, x), graph(graph.params, x))
    explained = lrp.explainer(scaled, lrp.composites.epsilon_plus())
    again = pickle.loads(pickle.dumps(explained))
    assert torch.allclose(again(x).relevance, explained(x).relevance)


def test_names_and_layers_that_are_there_or_not(graph):
    with pytest.raises(ValueError, match=r"parameters first\.weight already"):
        lrp.insert(graph, "first", {"first.weight": torch.ones(1)}, lambda call, x, p: x)
    with pytest.raises(KeyError, match="no layer or node 'firsst'"):
        lrp.insert(graph, "firsst", {}, lambda call, x, p: x)


def test_one_of_several_uses(graph):
    shared = lrp.trace(Shared().double().eval(), image())
    doubled = lrp.insert(shared, "relu#1", {}, lambda call, x, p: call(aten.mul.Tensor, x, 2.0))
    x = image()
    assert torch.equal(
        lrp.until(doubled, "relu#1")(doubled.params, x), 2 * lrp.until(shared, "relu#1")(shared.params, x)
    )


def test_a_graph_that_has_parameters_of_its_own_does_not_ask_the_model():
    model = nn.Sequential(nn.Linear(3, 2)).eval()
    graph, x = lrp.trace(model, torch.zeros(1, 3)), torch.rand(4, 3)
    other = graph.having({name: 2 * value for name, value in graph.params.items()})
    assert torch.allclose(lrp.explainer(other, lrp.composites.epsilon_plus())(x).output, 2 * model(x))
    with pytest.raises(KeyError, match=r"params lack 0\.bias, 0\.weight"):
        graph.having({})
