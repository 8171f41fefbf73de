"""Modules that are used several times: which use a name stands for, and what a mask acts on."""

import pytest
import torch
from torch import nn

import lrp
from tests.support.networks import prepared


class Twice(nn.Module):
    """A block that is used twice, with a ReLU in it that is used twice each time."""

    def __init__(self):
        super().__init__()
        self.block, self.head = Block(), nn.Linear(4, 3, bias=False)

    def forward(self, x):
        return self.head(self.block(self.block(x)))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense, self.norm, self.relu = nn.Linear(4, 4, bias=False), nn.BatchNorm1d(4), nn.ReLU()

    def forward(self, x):
        return self.relu(x + self.relu(self.norm(self.dense(x))))


@pytest.fixture
def explained():
    torch.manual_seed(0)
    x = torch.randn(2, 4, dtype=torch.float64)
    program, weights = prepared(Twice().eval().double(), x, lrp.composites.epsilon_plus())
    output, pullback = program(weights, x)
    return program.graph, output, pullback


def test_uses_are_counted_in_the_order_of_their_outputs(explained):
    graph, *_ = explained
    relus = [node for node in graph.fx.nodes if node.meta.get("layer") == "block.relu"]
    assert list(graph.uses("block.relu")) == relus and len(relus) == 4
    assert [graph.find(f"block.relu#{number}") for number in (1, 2, 3, 4)] == relus
    assert graph.find("block.relu") is graph.find("block") is graph.find("block#2") is relus[-1]
    assert graph.find("block#1") is relus[1]
    assert len(graph.uses("block.norm")) == len(graph.uses("block.dense")) == 2  # the norm was folded into the layer
    assert graph.find("block.norm#1") is graph.find("block.dense#1")
    assert graph.uses("no such layer") == ()


@pytest.mark.parametrize("name", ["block.relu#5", "block.relu#0", "block.relu#x", "block.relu#"])
def test_a_use_that_is_not_there_is_an_error_that_lists_them(explained, name):
    graph, *_ = explained
    with pytest.raises(KeyError, match=r"there are block\.relu#1, block\.relu#2, block\.relu#3, block\.relu#4"):
        graph.find(name)
    with pytest.raises(KeyError, match="similar ones"):
        graph.find("relu_of_nobody#1")


def test_a_mask_of_a_module_used_several_times_names_its_use(explained):
    graph, output, pullback = explained
    mask = torch.tensor([1.0, 0, 1, 0], dtype=torch.float64)
    with pytest.raises(ValueError, match=r"block is used 2 times; .*: block#1, block#2"):
        pullback(output, mask={"block": mask})
    for number, node in enumerate(graph.uses("block.relu"), 1):
        by_use = pullback(output, mask={f"block.relu#{number}": mask})
        torch.testing.assert_close(by_use, pullback(output, mask={node.name: mask}), rtol=0, atol=0)
    both = pullback(output, mask={"block#1": mask, "block#2": mask})
    nodes = {node.name: mask for node in graph.uses("block")}
    torch.testing.assert_close(both, pullback(output, mask=nodes), rtol=0, atol=0)
    assert not torch.allclose(both, pullback(output, mask={"block#2": mask}))


def test_masks_of_one_value_by_two_names_multiply(explained):
    _, output, pullback = explained
    left, right = (torch.tensor(row, dtype=torch.float64) for row in ([1, 1, 0, 0], [0, 1, 1, 0]))
    both = pullback(output, mask={"block#1": left, "block.relu#2": right})
    torch.testing.assert_close(both, pullback(output, mask={"block#1": left * right}), rtol=0, atol=0)


def test_hidden_relevance_of_a_masked_layer_is_behind_the_mask(explained):
    _, output, pullback = explained
    mask = torch.tensor([1.0, 0, 1, 0], dtype=torch.float64)
    _, whole = pullback(output, at=["block#1"])
    _, masked = pullback(output, at=["block#1"], mask={"block#1": mask})
    torch.testing.assert_close(masked["block#1"].relevance, whole["block#1"].relevance * mask)
    assert whole["block#1"].relevance[:, 1].abs().max() > 0


@pytest.mark.parametrize("shape", [(3,), (5, 4), (2, 2, 4), (4, 1)])
def test_a_mask_that_does_not_fit_its_layer_is_an_error(explained, shape):
    _, output, pullback = explained
    with pytest.raises(ValueError, match=r"mask of block#1 must broadcast to \(2, 4\), got"):
        pullback(output, mask={"block#1": torch.ones(shape, dtype=torch.float64)})
