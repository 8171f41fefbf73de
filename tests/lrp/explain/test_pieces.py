import ctypes
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import lrp
from lrp.explain import pieces
from lrp.explain.target import seed_of
from lrp.testing import randomize
from tests.support.networks import BOX, Functional, image

AT_ONCE = 3


@pytest.fixture(scope="module")
def explain():
    made = lrp.explainer(randomize(Functional(), 0).double(), image(), BOX)
    made.__dict__["samples_at_once"] = AT_ONCE  # as if the images were large
    return made


def whole(explain, x, target):
    output, pullback = explain.program(explain.weights, x)
    return output, pullback(seed_of(output, target))


@settings(max_examples=20)
@given(st.data())
def test_pieces_explain_as_the_whole_batch_does(explain, data):
    count = data.draw(st.integers(0, 3 * AT_ONCE + 1))
    x, classes = image(count), torch.arange(count) % 3
    targets = [None, 2, torch.tensor(1), classes, classes.tolist(), classes.numpy(), torch.randn(count, 3).double()]
    target = data.draw(st.sampled_from(targets))
    for found, expected in zip(explain(x, target), whole(explain, x, target), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@given(st.integers(1, 200), st.integers(1, 40))
def test_pieces_are_no_larger_than_asked_and_equal_where_they_can_be(explain, count, size):
    parts = pieces.split(explain.program.graph, torch.empty(count, 3, 6, 6, dtype=torch.float64), None, size)
    lengths = [len(x) for x, _ in parts]
    assert sum(lengths) == count and max(lengths) <= size and max(lengths) - min(lengths) <= 1
    assert len(lengths) < 2 * -(-count // size)


def test_targets_go_with_their_samples(explain):
    lengths = {7: [3, 2, 2], 8: [2, 2, 2, 2], 9: [3, 3, 3]}
    for count, expected in lengths.items():
        parts = pieces.split(explain.program.graph, image(count), torch.arange(count), AT_ONCE)
        assert [len(x) for x, _ in parts] == [len(target) for _, target in parts] == expected
        assert torch.cat([target for _, target in parts]).tolist() == list(range(count))


def test_a_target_function_sees_the_whole_output(explain):
    seen = []
    explain(image(8), lambda output: seen.append(output.shape) or output)
    assert seen == [(8, 3)]


@pytest.mark.parametrize(
    "target, error, message",
    [
        (torch.arange(7), ValueError, "each of the 8 samples; got shape \\(7,\\)"),
        (torch.zeros(7, 3), ValueError, "output's shape \\(8, 3\\), got \\(7, 3\\)"),
        (torch.tensor([0] * 7 + [3]), IndexError, "class 3 does not exist"),
        (torch.ones(8), ValueError, "output's shape \\(8, 3\\), got \\(8,\\)"),
        (np.ones((8, 3)), TypeError, "classes must be integers"),
    ],
)
def test_errors_speak_of_the_whole_batch(explain, target, error, message):
    with pytest.raises(error, match=message):
        explain(image(8), target)


def test_errors_of_shape_speak_of_the_whole_batch(explain):
    with pytest.raises(ValueError, match="shape \\(8, 3, 5, 5\\)"):
        explain(image(8, 5))


class Two(nn.Module):
    """Two inputs by name, one of them indices, which receive no relevance."""

    def __init__(self):
        super().__init__()
        self.embed, self.dense = nn.Embedding(5, 4), nn.Linear(4, 3)

    def forward(self, tokens, values):
        return self.dense(torch.relu(self.embed(tokens).sum(1) + values))


def test_several_inputs_go_in_pieces_together():
    example = {"tokens": torch.zeros(2, 6, dtype=torch.long), "values": torch.zeros(2, 4)}
    made = lrp.explainer(randomize(Two(), 0), example, lrp.composites.epsilon_plus())
    made.__dict__["samples_at_once"] = AT_ONCE
    x = {"tokens": torch.randint(5, (7, 6)), "values": torch.randn(7, 4)}
    (output, relevance), (expected, shares) = made(x, 1), whole(made, x, 1)
    torch.testing.assert_close(output, expected)
    torch.testing.assert_close(relevance, shares)


def at_once(model, x):
    return lrp.explainer(model.eval(), x, lrp.composites.epsilon_plus()).samples_at_once


def test_all_activations_together_set_the_size_but_not_those_that_are_only_moved(monkeypatch):
    monkeypatch.setattr(pieces, "WHOLE", 1_000_000)
    model = nn.Sequential(nn.Conv2d(3, 10, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(4000, 2))
    values, x = 3 * 400 + 2 * 4000 + 2, torch.zeros(1, 3, 20, 20)
    assert at_once(model, x) == 1_000_000 // (4 * values)
    assert at_once(model.double(), x.double()) == 1_000_000 // (8 * values)
    monkeypatch.setattr(pieces, "WHOLE", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 16)
    assert at_once(model.float(), x) == 4  # a sample for four threads at least
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert at_once(model, x) == 1


class Mixing(nn.Module):
    """Each sample's output depends on all samples."""

    def __init__(self, mix):
        super().__init__()
        self.mix, self.dense = mix, nn.Linear(4, 3)

    def forward(self, x):
        return self.mix(self.dense(x))


@pytest.mark.parametrize("mix", [lambda z: z - z.mean(0), lambda z: z @ z.T, lambda z: z / z.sum()])
def test_samples_that_depend_on_each_other_stay_together(mix):
    assert at_once(Mixing(mix), torch.zeros(2, 4)) is None


def test_a_batch_moved_to_windows_and_back_is_no_mixing(monkeypatch):
    monkeypatch.setattr(pieces, "WHOLE", 10_000)
    windows = Mixing(lambda z: (2 * z.unflatten(1, (1, 3)).flatten(0, 1).reshape(-1, 1)).reshape(-1, 3))
    assert at_once(windows, torch.zeros(2, 4)) == 10_000 // (4 * (4 + 3 + 3))


FAULTS = """
import resource, torch, lrp
from torch import nn
layers = [nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU()]
model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 2)).eval()
x = torch.rand(4, 1, 768, 768)  # blocks of 76 MB
explain = lrp.explainer(model, x[:1], lrp.composites.epsilon_plus())
with lrp.process.memory_kept():
    for _ in range(4):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        explain(x)
print(explain.samples_at_once, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
OTHERS = """
import resource, torch, lrp
model = torch.nn.Linear(4, 2).eval()
explain = lrp.explainer(model, torch.zeros(1, 4), lrp.composites.epsilon_plus())
with lrp.process.memory_kept():
    explain(torch.zeros(3, 4))
resident = lambda: int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
before, large = resident(), torch.ones(50_000_000)
small = [torch.ones(1000) for _ in range(1000)]  # above it, were they of one heap
del large
print((resident() - before) / 2**20)
"""
glibc = pytest.mark.skipif(sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallopt"), reason="glibc")


def printed(code, **own):
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run([sys.executable, "-c", code], env=inherited | own, capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


@pytest.mark.slow
@glibc
def test_pieces_use_the_memory_of_the_last_ones_unless_the_environment_says_otherwise():
    at_once, faults = printed(FAULTS)
    assert at_once == 4
    _, given_back = printed(FAULTS, MALLOC_TRIM_THRESHOLD_="131072", MALLOC_MMAP_THRESHOLD_="131072")
    assert 10 * faults < given_back


@glibc
@pytest.mark.slow
def test_large_memory_of_others_goes_back_to_the_system_as_ever():
    (megabytes,) = printed(OTHERS)
    assert megabytes < 50
