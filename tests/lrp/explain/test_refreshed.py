import pytest
import torch
from torch import nn

import lrp


def network():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 5))
    model.train()
    model(torch.randn(16, 3, 8, 8))
    return model.eval()


X = torch.randn(4, 3, 8, 8)
COMPOSITE = lrp.composites.epsilon_plus()


def scaled(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)


def stepped(model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(X).sum().backward()
    optimizer.step()


def loaded(model):
    model.load_state_dict({name: 2 * value for name, value in model.state_dict().items()})


def trained(model):
    model.train()
    model(X)
    model.eval()


def assigned(model):
    model[4].weight = nn.Parameter(torch.randn(5, 8 * 36))


def other_memory(model):
    model[0].weight.data = torch.randn(8, 3, 3, 3)


CHANGES = [scaled, stepped, loaded, trained, assigned, other_memory]


@pytest.mark.parametrize("change", CHANGES)
def test_an_explainer_refuses_when_weights_have_changed(change):
    model = network()
    explain = lrp.explainer(model, X, COMPOSITE)
    before = explain(X, 1)
    change(model)
    for call in (lambda: explain(X, 1), lambda: explain.weights):
        with pytest.raises(RuntimeError, match=r"weights have changed since .* \(\d\.\w+.*explain.refreshed") as error:
            call()
        assert "\n" not in str(error.value)
    now, anew = explain.refreshed()(X, 1), lrp.explainer(model, X, COMPOSITE)(X, 1)
    assert not torch.allclose(now.output, before.output)
    torch.testing.assert_close(now.output, model(X))
    assert torch.equal(now.relevance, anew.relevance)


def test_datasets_refuse_too(tmp_path):
    model = network()
    explain = lrp.explainer(model, X, COMPOSITE)
    scaled(model)
    data = torch.utils.data.TensorDataset(X, torch.arange(4))
    with pytest.raises(RuntimeError, match="weights have changed"):
        lrp.attribute_dataset(explain, data, tmp_path, progress=False)


def test_what_changes_no_prediction_is_no_change():
    model = network()
    explain = lrp.explainer(model, X, COMPOSITE)
    model.requires_grad_(False)
    model(X)
    model.zero_grad()
    model.to(torch.float32).eval()
    explain(X, 1)


def test_a_model_of_another_type_leaves_its_explainer_as_it_was():
    model = network()
    explain = lrp.explainer(model, X, COMPOSITE)
    before = explain(X, 1)
    model.double()
    assert torch.equal(explain(X, 1).relevance, before.relevance)
    with pytest.raises(RuntimeError, match="another shape or type than when traced: trace it again"):
        explain.refreshed()
    scaled(model)
    with pytest.raises(RuntimeError, match="weights have changed"):
        explain(X, 1)


def test_another_module_or_shape_wants_another_trace():
    model = network()
    explain = lrp.explainer(model, X, COMPOSITE)
    model[2] = nn.GELU()
    with pytest.raises(RuntimeError, match=r"other parts than when it was traced \(2\): make a new explainer"):
        explain(X, 1)
    with pytest.raises(RuntimeError, match="trace it again"):
        explain.refreshed()
    model = network()
    explain = lrp.explainer(model, X, COMPOSITE)
    model[4].weight = nn.Parameter(torch.randn(6, 8 * 36))
    with pytest.raises(RuntimeError, match=r"4.weight of the model has another shape"):
        explain.refreshed()


class Resized(nn.Module):
    """Reads a buffer as a number while it is traced."""

    def __init__(self):
        super().__init__()
        self.register_buffer("size", torch.tensor([4]))

    def forward(self, x):
        return x.reshape(-1, *self.size.tolist())


def test_a_buffer_that_was_read_as_a_number_is_part_of_the_trace():
    model, x = Resized().eval(), torch.randn(2, 4)
    explain = lrp.explainer(model, x, lrp.composites.GRADIENT)
    explain(x, 0)
    model.size.fill_(2)
    with pytest.raises(RuntimeError, match=r"\(size\)"):
        explain(x, 0)


def test_composites_share_one_trace():
    model = network()
    graph = lrp.trace(model, X[:1])
    for composite in (COMPOSITE, lrp.composites.epsilon_gamma_box(-3, 3)):
        wanted = lrp.explainer(model, X, composite)(X, 1).relevance
        for explain in (
            lrp.explainer(graph, composite),
            lrp.explainer(graph, X, composite),
            lrp.explainer(graph, composite=composite),
        ):
            assert torch.equal(explain(X, 1).relevance, wanted)
    assert torch.equal(lrp.explainer(lrp.canonize(graph), composite)(X, 1).relevance, wanted)
    scaled(model)
    explain = lrp.explainer(graph, composite)  # of the model as it is now
    torch.testing.assert_close(explain(X, 1).output, model(X))
    with pytest.raises(ValueError, match="when a graph is traced"):
        lrp.explainer(graph, composite, output=0)


def test_what_is_missing_is_named():
    with pytest.raises(TypeError, match=r"needs a composite, such as lrp.composites.epsilon_plus\(\)"):
        lrp.explainer(network(), X)
    with pytest.raises(TypeError, match="needs an example"):
        lrp.explainer(network(), composite=COMPOSITE)


@pytest.mark.parametrize("last", [nn.Softmax(1), nn.LogSoftmax(1), nn.Sequential(nn.Softmax(1), nn.Flatten())])
def test_a_final_softmax_is_noticed_and_the_logit_can_be_explained(last):
    model = network()
    ended = nn.Sequential(model, last).eval()
    with pytest.warns(UserWarning, match=r"ends in a (log_)?softmax: relevance vanishes .* until='0\.4'"):
        lrp.explainer(ended, X, COMPOSITE)
    explain = lrp.explainer(ended, X, COMPOSITE, until="0.4")
    assert torch.equal(explain(X, 1).relevance, lrp.explainer(model, X, COMPOSITE)(X, 1).relevance)
    with pytest.raises(KeyError, match=r"no layer or node '0\.5'"):
        lrp.explainer(model, X, COMPOSITE, until="0.5")


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x):
        return torch.softmax(self.a(x) + self.b(x), 1)


def test_a_logit_without_a_layer_has_a_name_too():
    model, x = Functional().eval(), torch.randn(2, 4)
    with pytest.warns(UserWarning, match="until='add") as noted:
        lrp.explainer(model, x, COMPOSITE)
    explain = lrp.explainer(model, x, COMPOSITE, until=str(noted[0].message).split("'")[-2])
    torch.testing.assert_close(explain(x, 0).output, model.a(x) + model.b(x))


def test_a_seed_reaches_the_trace():
    model = nn.Sequential(nn.Linear(4, 3), nn.Dropout()).eval()
    model[1].forward = nn.functional.dropout
    x = torch.randn(2, 4)
    explain = lrp.explainer(model, x, COMPOSITE, seed=0)
    assert torch.equal(explain(x, 0).relevance, explain(x, 0).relevance)
