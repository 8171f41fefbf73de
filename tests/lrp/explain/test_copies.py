import copy
import io
import pickle
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

import lrp
from lrp._torch import fixed_size
from lrp.testing import randomize
from tests.support.networks import Functional, Mlp, Shared, image


class Swish(nn.Module):
    """An activation written out, a size, a constant and attention."""

    def __init__(self):
        super().__init__()
        self.attention, self.head = nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, 3)

    def forward(self, x):
        h = x.view(x.shape[0], 4, 8) + torch.arange(8.0, dtype=x.dtype)
        h = self.attention(h, h, h, need_weights=False)[0]
        return self.head((h * torch.sigmoid(h)).mean(1))


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 3), nn.Linear(2, 3)

    def forward(self, left, right):
        return torch.relu(self.a(left)) + self.b(right)


class Tied(nn.Module):
    def forward(self, x):
        return x.view(2, 3) * torch.ones(2, 3, dtype=x.dtype)


def double(*shape):
    return torch.randn(*shape).double()


CASES = {
    "functional": (Functional, image()),
    "shared": (Shared, image()),
    "mlp": (Mlp, double(2, 5)),
    "swish": (Swish, double(5, 32)),
    "two": (Two, {"left": double(5, 4), "right": double(5, 2)}),
    "tied": (Tied, double(2, 3)),
}
WAYS = {
    "pickle": lambda e: pickle.loads(pickle.dumps(e)),
    "twice": lambda e: pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(e)))),
    "torch": lambda e: torch.load(stream(e), weights_only=False),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
}


def stream(explain):
    into = io.BytesIO()
    torch.save(explain, into)
    into.seek(0)
    return into


def sizes(node):
    """A node's sizes, those that are not free."""
    return [fixed_size(size) for size in getattr(node.meta.get("val"), "shape", ())]


@pytest.mark.parametrize(
    ("name", "way"), [(name, way) for name in CASES for way in WAYS if name == "mlp" or way in ("pickle", "deepcopy")]
)
def test_a_copy_explains_as_the_original_does(name, way):
    make, x = CASES[name]
    model = randomize(make(), 0)
    explain = lrp.explainer(model, x, lrp.composites.epsilon_plus())
    found = WAYS[way](explain)
    output, relevance = explain(x, lambda y: torch.ones_like(y))
    again = found(x, lambda y: torch.ones_like(y))
    torch.testing.assert_close(again.output, output, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(again.relevance, relevance, rtol=1e-12, atol=1e-12)
    assert found.program.graph.batch == explain.program.graph.batch
    assert found.samples_at_once == explain.samples_at_once
    shapes = [[sizes(node) for node in e.program.graph.fx.nodes] for e in (explain, found)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("way", ["pickle", "deepcopy"])
def test_a_copy_has_weights_of_its_own(way):
    model, x = randomize(Mlp(), 0), double(2, 5)
    explain = lrp.explainer(model, x, lrp.composites.epsilon_plus())
    found, before = WAYS[way](explain), explain(x, 0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)
    with pytest.raises(RuntimeError, match="weights have changed"):
        pickle.dumps(explain)
    assert torch.equal(found(x, 0).relevance, before.relevance)
    assert found.refreshed() is found


def test_other_weights_travel_too():
    model, x = randomize(Mlp(), 0), double(2, 5)
    program = lrp.explainer(model, x, lrp.composites.epsilon_plus()).program
    params = {name: 2 * value for name, value in program.graph.params.items()}
    explain = lrp.Explainer(program, program.prepare(params))
    assert torch.equal(pickle.loads(pickle.dumps(explain))(x, 0).relevance, explain(x, 0).relevance)


def test_another_process_reads_it(tmp_path):
    model, x = randomize(Mlp(), 0), double(2, 5)
    explain = lrp.explainer(model, x, lrp.composites.epsilon_plus())
    torch.save([explain, x, explain(x, 0).relevance], tmp_path / "explainer")
    code = (
        "import torch, sys; explain, x, wanted = torch.load(sys.argv[1], weights_only=False); "
        "print(torch.allclose(explain(x, 0).relevance, wanted))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "explainer"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "True"


def test_rules_of_ones_own_say_what_to_do():
    model, x = randomize(Mlp(), 0), double(2, 5)
    explain = lrp.explainer(
        model, x, [(lambda op: op.kind == "linear", lrp.rules.epsilon()), *lrp.composites.epsilon_plus()]
    )
    with pytest.raises(
        pickle.PicklingError, match=r"made anew in each process: lrp.explainer\(model, example, composite\)"
    ):
        pickle.dumps(explain)
    assert torch.equal(copy.deepcopy(explain)(x, 0).relevance, explain(x, 0).relevance)


def test_threads_make_and_use_explainers_at_once():
    """Eight threads, each with a network of its own; what they share is the explainer of one more."""
    filters, x = list(warnings.filters), torch.rand(4, 3, 8, 8, dtype=torch.float64)

    def network(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 5)).double().eval()

    networks = [network(number) for number in range(8)]
    shared = lrp.explainer(networks[0], x, lrp.composites.epsilon_plus())

    def made(model: nn.Module) -> list[torch.Tensor]:
        own = lrp.explainer(model, x, lrp.composites.epsilon_plus())
        return [own(x, 1).relevance, *(shared(x, 1).relevance for _ in range(5))]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(made, networks))
    for model, relevances in zip(networks, found, strict=True):
        alone = lrp.explainer(model, x, lrp.composites.epsilon_plus())(x, 1).relevance
        torch.testing.assert_close(relevances[0], alone, rtol=1e-10, atol=1e-12)
        for relevance in relevances[1:]:
            torch.testing.assert_close(relevance, found[0][0], rtol=1e-10, atol=1e-12)
    assert warnings.filters == filters
