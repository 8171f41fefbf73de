import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import lrp
from lrp.graph.normal.functionalize import is_simple
from lrp.testing import randomize

STEPS = {
    "relu": lambda a, b: F.relu(a),
    "relu_": lambda a, b: F.relu(a, inplace=True),
    "silu_": lambda a, b: F.silu(a, inplace=True),
    "add": lambda a, b: a + b,
    "add_": lambda a, b: a.add_(b),
    "twice_": lambda a, b: a.mul_(2),
    "cat": lambda a, b: torch.cat([a, b], 1)[:, :4],
    "flatten": lambda a, b: torch.flatten(a, 1, 1),  # the same tensor
    "dropout": lambda a, b: F.dropout(a, training=False),  # also
    "dropout_": lambda a, b: F.dropout(a, training=False, inplace=True),
    "view": lambda a, b: a.view(a.shape),
}


class Steps(nn.Module):
    """Each step takes two values of those before it, and may write into the first."""

    def __init__(self, steps):
        super().__init__()
        self.steps, self.one, self.two = steps, nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1)

    def forward(self, x):
        values = [self.one(x), self.two(x)]
        for name, i, j in self.steps:
            values.append(STEPS[name](values[i % len(values)], values[j % len(values)]))
        total = values[0]
        for value in values[1:]:
            total = total + value
        return total


@settings(max_examples=8)
@given(st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 9), st.integers(0, 9)), max_size=7))
def test_models_that_write_into_tensors_trace_to_graphs_that_do_not(steps):
    model = randomize(Steps(steps), 0)
    x = torch.randn(2, 3, 3, 3, dtype=torch.float64)
    graph = lrp.trace(model, x)
    torch.testing.assert_close(graph(graph.params, x), model(x).detach())
    assert not any(n.target._schema.is_mutable for n in graph.fx.nodes if isinstance(n.target, torch._ops.OpOverload))


def simple(steps):
    model = Steps(steps)
    return is_simple(torch.export.export(model.eval(), (torch.randn(2, 3, 3, 3),)).graph)


def test_writes_into_memory_that_others_name_are_left_to_pytorch():
    assert simple([("relu_", 0, 0), ("add_", 2, 1), ("relu", 0, 0)])
    assert not simple([("flatten", 0, 0), ("add_", 0, 1)])
    assert not simple([("relu_", 0, 0), ("flatten", 2, 0), ("add_", 0, 1)])
    assert not simple([("view", 0, 0), ("add_", 2, 1)])
    assert simple([("view", 0, 0)])  # nothing is written


def test_operators_that_the_table_does_not_know_are_left_to_pytorch():
    class Product(nn.Module):
        def forward(self, x):
            return x.cumprod(1)

    assert not is_simple(torch.export.export(Product().eval(), (torch.randn(2, 3),)).graph)


class Promoting(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.register_buffer("factor", torch.full((4, 1, 1), 2.0, dtype=torch.float64))

    def forward(self, x):
        return torch.relu(self.conv(x).mul_(self.factor))


def test_what_is_written_into_a_tensor_takes_its_type():
    model, x = Promoting().eval(), torch.randn(2, 3, 3, 3)
    graph = lrp.trace(model, x)
    found = graph(graph.params, x)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, model(x).detach())
