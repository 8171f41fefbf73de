import copy

import pytest
import torch
from hypothesis import given, settings
from torch import nn

import lrp
from lrp.testing import networks, randomize
from tests.support.networks import Functional, Mlp, Shared, image

MODELS = {"functional": (Functional, image()), "shared": (Shared, image()), "mlp": (Mlp, torch.randn(2, 5).double())}


@pytest.mark.parametrize("case", MODELS)
def test_a_graph_computes_what_the_model_does_at_any_batch_size(case):
    make, x = MODELS[case]
    model = randomize(make(), 0)
    graph = lrp.trace(model, x[:1])
    for batch in (x, x[:1], torch.cat([x] * 3)):
        torch.testing.assert_close(graph(graph.params, batch), model(batch), rtol=1e-12, atol=1e-12)


@settings(max_examples=5)
@given(networks())
def test_random_networks_trace(network):
    model, x = network
    graph = lrp.trace(model, x)
    torch.testing.assert_close(graph(graph.params, x), model(x), rtol=1e-12, atol=1e-12)


def snapshot(model):
    return {
        "objects": {name: id(p) for name, p in [*model.named_parameters(), *model.named_buffers()]},
        "values": copy.deepcopy(model.state_dict()),
        "training": [m.training for m in model.modules()],
        "hooks": [len(h) for m in model.modules() for h in (m._forward_hooks, m._forward_pre_hooks, m._backward_hooks)],
        "attributes": [sorted(vars(m)) for m in model.modules()],
        "grads": [p.grad is None and p.requires_grad for p in model.parameters()],
    }


def same(one, other):
    values = zip(one.pop("values").items(), other.pop("values").items(), strict=True)
    return one == other and all(a == b and torch.equal(v, w) for (a, v), (b, w) in values)


class Broken(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x):
        return self.norm(x) if x.sum() > 0 else x


def test_the_callers_model_is_untouched():
    model = randomize(Functional(), 0)
    before = snapshot(model)
    explain = lrp.explainer(model, image(), lrp.composites.epsilon_gamma_box(0, 1))
    explain(image(), 1)
    assert same(snapshot(model), before)


def test_the_callers_model_is_untouched_after_an_exception():
    model = Broken().eval().double()
    before = snapshot(model)
    with pytest.raises(lrp.TraceError, match=r"could not trace Broken on an input of shape \(2, 3, 6, 6\)"):
        lrp.trace(model, image())
    assert same(snapshot(model), before)
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2)).eval().double()
    before = snapshot(model)
    with pytest.raises(lrp.MissingRule):
        lrp.explainer(model, image(), [])
    explain = lrp.explainer(model, image(), lrp.composites.epsilon_plus())
    with pytest.raises(ValueError, match="seed"):
        explain(image(), 0)  # the output is no (batch, class)
    assert same(snapshot(model), before)


def test_training_mode_is_an_error_that_says_eval():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout()).eval()
    model[1].train()
    with pytest.raises(ValueError, match=r"training mode \(1\); call model.eval\(\) first"):
        lrp.trace(model, torch.zeros(1, 2))


@pytest.mark.parametrize("example", [torch.zeros(0, 2), torch.tensor(1.0), "image", (torch.zeros(1, 2), None)])
def test_an_example_that_is_no_batch_is_an_error(example):
    with pytest.raises(ValueError, match="example must be a tensor"):
        lrp.trace(nn.Linear(2, 2).eval(), example)


def test_wrong_inputs_are_named_in_the_models_terms():
    explain = lrp.explainer(nn.Linear(2, 2).eval(), torch.zeros(1, 2), lrp.composites.epsilon_plus())
    with pytest.raises(ValueError, match=r"input has shape \(4, 3\), the model was traced for \(batch, 2\)"):
        explain(torch.zeros(4, 3))
    with pytest.raises(TypeError, match=r"input is torch.float64, the model was traced for torch.float32"):
        explain(torch.zeros(4, 2).double())
    with pytest.raises(TypeError, match="traced for one tensor, got a list of 1"):
        explain([torch.zeros(4, 2)])
    with pytest.raises(TypeError, match="traced for one tensor, got a dict of 1 with x"):
        explain({"x": torch.zeros(4, 2)})
    with pytest.raises(TypeError, match=r"input must be a tensor, got float; use torch.as_tensor"):
        explain(1.0)


class TiedBatch(nn.Module):
    def forward(self, x):
        return x + torch.ones(2, 1)


def test_a_model_that_ties_its_batch_size_says_so():
    graph = lrp.trace(TiedBatch().eval(), torch.zeros(2, 3))
    assert graph.batch == 2
    with pytest.raises(ValueError, match="ties its batch size to 2"):
        graph(graph.params, torch.zeros(4, 3))


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.image, self.table = nn.Linear(4, 3), nn.Linear(2, 3)

    def forward(self, image, table):
        joined = torch.relu(self.image(image)) + self.table(table)
        return {"logits": joined, "both": (joined, image)}


@pytest.mark.parametrize("form", [tuple, dict])
@pytest.mark.parametrize("output", ["logits", lambda out: out["both"][0]])
def test_several_inputs_and_outputs(form, output):
    model = randomize(TwoInputs(), 0)
    image, table = torch.randn(5, 4).double(), torch.randn(5, 2).double()
    x = (image, table) if form is tuple else {"image": image, "table": table}
    graph = lrp.trace(model, x, output)
    torch.testing.assert_close(graph(graph.params, x), model(image, table)["logits"])
    program = lrp.relprop(graph, lrp.composites.epsilon_plus(zero_params="bias"))
    out, pullback = program(program.prepare(graph.params), x)
    relevance = pullback(out)
    parts = relevance if form is tuple else relevance.values()
    assert [p.shape for p in parts] == [image.shape, table.shape]
    account = lrp.audit(program, program.prepare(graph.params), x, out)
    assert abs(account.residual).max() < 1e-9


@pytest.mark.parametrize("names", [("image", "table"), ("table", "image")])
def test_the_order_of_named_inputs_does_not_matter(names):
    model, parts = randomize(TwoInputs(), 0), {"image": torch.randn(5, 4).double(), "table": torch.randn(5, 2).double()}
    graph = lrp.trace(model, {name: parts[name] for name in names}, "logits")
    for x in (parts, dict(reversed(parts.items()))):
        assert torch.equal(graph(graph.params, x), model(**parts)["logits"])


def test_a_model_of_several_outputs_asks_which():
    with pytest.raises(lrp.TraceError, match=r"returns \['logits', 'both'\]; say which one"):
        lrp.trace(TwoInputs().eval(), (torch.zeros(1, 4), torch.zeros(1, 2)))


def test_layers_are_found_by_module_path_and_similar_ones_named():
    graph = lrp.trace(Functional().eval().double(), image())
    assert lrp.graph.operator_name(graph.find("second").target) == "conv2d"
    with pytest.raises(KeyError, match=r"no layer or node 'secnd'; similar ones: second"):
        graph.find("secnd")
