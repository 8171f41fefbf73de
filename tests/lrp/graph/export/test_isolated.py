import copy
import functools
import types
from collections import deque

import pytest
import torch
from torch import Tensor, nn

import lrp


class Helper:
    def __init__(self):
        self.last = None


class Remembering(nn.Module):
    """Writes what it computes wherever Python lets it."""

    def __init__(self):
        super().__init__()
        self.layer, self.helper = nn.Linear(4, 3), Helper()
        self.log, self.cache, self.recent, self.hidden = [], {}, deque(maxlen=2), torch.zeros(3)
        self.elsewhere = [nn.ReLU()]  # no submodule
        self.calls = 0

    def forward(self, x):
        h = self.layer(x)
        self.fresh = self.hidden = self.helper.last = self.elsewhere[0].last = self.layer.seen = h
        self.log.append(h)
        self.recent.append(h)
        self.cache["h"] = h
        self.calls += 1
        return self.elsewhere[0](h)


class Failing(Remembering):
    def forward(self, x):
        h = super().forward(x)
        return h * 2 if h.sum() > 0 else h


def everything(model):
    """Each submodule's attributes, with their contents."""
    modules = [*model.modules(), *model.elsewhere, model.helper]
    return [{name: (id(value), inside(value)) for name, value in vars(m).items()} for m in modules]


def inside(value):
    if isinstance(value, Tensor):
        return value._version
    return repr(value) if isinstance(value, list | dict | deque) else value


@pytest.mark.parametrize("called_before", [False, True])
@pytest.mark.parametrize("kind", [Remembering, Failing])
def test_a_trace_leaves_every_attribute_of_every_module(kind, called_before):
    model, x = kind().eval(), torch.randn(2, 4)
    if called_before:
        with torch.no_grad():
            model(x)
    before = everything(model)
    if kind is Failing:
        with pytest.raises(lrp.TraceError):
            lrp.trace(model, x)
    else:
        graph = lrp.trace(model, x)
        assert everything(model) == before
        torch.testing.assert_close(graph(graph.params, x), torch.relu(model.layer(x)))
        with torch.no_grad():
            model(x)  # it goes on as before
        return
    assert everything(model) == before
    copy.deepcopy(model)


def test_a_model_can_be_copied_after_a_trace():
    model, x = Remembering().eval(), torch.randn(2, 4)
    lrp.explainer(model, x, lrp.composites.epsilon_plus())
    copied = copy.deepcopy(model)
    assert torch.equal(copied(x), model(x))


def test_hooks_are_not_called_and_a_warning_says_what_that_means():
    model, x, called = nn.Sequential(nn.Linear(4, 3), nn.ReLU()).eval(), torch.randn(2, 4), []
    model[0].register_forward_hook(lambda *_: called.append("forward"))
    model[1].register_forward_pre_hook(lambda *_: called.append("before"))
    with pytest.warns(UserWarning, match=r"hooks are not called while tracing \(0, 1\)") as noted:
        lrp.trace(model, x)
    assert noted[0].filename == __file__
    assert not called
    model(x)
    assert called == ["forward", "before"]


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_hooks_of_pytorch_belong_to_the_model():
    model, x = nn.Sequential(nn.utils.weight_norm(nn.Linear(4, 3))).eval(), torch.randn(2, 4)
    with torch.no_grad():
        model[0].weight_g.mul_(3)  # the attribute `weight` is what it was until the hook is called
    graph = lrp.trace(model, x)
    torch.testing.assert_close(graph(graph.params, x), model(x))


def twice(self, x):
    self.seen = type(self).forward(self, x)
    return 2 * self.seen


@pytest.mark.parametrize("bind", [types.MethodType, functools.partial])
def test_a_forward_that_was_put_into_a_module_writes_to_the_copy_too(bind):
    model, x = nn.Linear(4, 3).eval(), torch.randn(2, 4)
    model.forward = bind(twice, model)
    graph = lrp.trace(model, x)
    assert "seen" not in vars(model)
    torch.testing.assert_close(graph(graph.params, x), model(x))


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x):
        self.count = self.count + 1
        return x * self.count


def test_a_buffer_that_is_replaced_is_an_error():
    with pytest.raises(lrp.TraceError, match="writes to count of Counting while predicting"):
        lrp.trace(Counting().eval(), torch.randn(2, 4))


class Stateful(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 3)
        self.inner.last = torch.zeros(3)

    def forward(self, x):
        now = self.inner(x)
        new, self.inner.last = now + self.inner.last, now
        return new


def test_a_model_that_reads_what_it_wrote_before_is_an_error():
    with pytest.raises(lrp.TraceError, match=r"reads inner.last, which it also replaces while predicting"):
        lrp.trace(Stateful().eval(), torch.randn(2, 4))
