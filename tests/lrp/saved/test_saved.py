"""Explainers as files: read in another process, without the model, they give the same; what is no file of ours is
said to be none."""

import copy
import functools
import json
import pickle
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from safetensors import safe_open
from torch import nn

import lrp
import spray
from lrp import composites
from lrp.saved import programs
from lrp.transform.passes import tensors
from spray import store
from tests.support.same import same

ROOT = Path(__file__).parents[3]


class Two(nn.Module):
    """Of two inputs by name, one of them integers."""

    def __init__(self):
        super().__init__()
        self.words, self.dense, self.last = nn.Embedding(9, 6), nn.Linear(4, 6), nn.Linear(6, 3)

    def forward(self, ids, more):
        return self.last(torch.relu(self.words(ids).mean(1) + self.dense(more)))


def convolutions():
    layers = [nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 1), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))


def encoder():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    return nn.Sequential(nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Flatten(), nn.Linear(40, 3))


def image(n):
    return torch.rand(n, 3, 12, 12)


CASES = {
    "convolutions": (convolutions, image, composites.epsilon_gamma_box(0.0, 1.0)),
    "thin": (lambda: nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Flatten(), nn.Linear(576, 2)), image,
             composites.epsilon_plus_flat()),
    "attention": (encoder, lambda n: torch.rand(n, 5, 8), composites.attn_lrp()),
    "several inputs": (Two, lambda n: {"ids": torch.randint(0, 9, (n, 4)), "more": torch.rand(n, 4)},
                       composites.epsilon_plus()),
    "table": (lambda: nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2)), lambda n: torch.rand(n, 6),
              composites.epsilon_alpha2_beta1()),
}  # fmt: skip


@functools.cache
def explainer_of(name):
    torch.manual_seed(0)
    make, inputs, composite = CASES[name]
    return lrp.explainer(make().eval(), inputs(2), composite), inputs


def leaves(found):
    return torch.utils._pytree.tree_leaves(tuple(found))  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The file of each explainer, by name."""
    folder = tmp_path_factory.mktemp("saved")
    return {name: lrp.save(explainer_of(name)[0], folder / name) for name in CASES}


@pytest.mark.parametrize("name", CASES)
def test_what_is_loaded_gives_the_same(name, tmp_path):
    explain, inputs = explainer_of(name)
    loaded = lrp.load(lrp.save(explain, tmp_path / "explainer.safetensors"))
    for n, target in ((1, None), (7, 1), (4, torch.tensor([0, 1, 1, 0]))):
        x = inputs(n)
        mine, theirs = leaves(explain(x, target)), leaves(loaded(x, target))
        assert len(mine) == len(theirs) >= 2
        for one, other in zip(mine, theirs, strict=True):
            assert one is other is None or same(one, other)
    assert loaded.axes == explain.axes and loaded.samples_at_once == explain.samples_at_once
    assert [w.stride() for w in tensors(loaded.weights)] == [w.stride() for w in tensors(explain.weights)]


def test_another_process_needs_no_model(tmp_path):
    explain, inputs = explainer_of("convolutions")
    x = inputs(3)
    file = lrp.save(explain, tmp_path / "explainer.safetensors")
    safetensors.torch.save_file({"x": x}, tmp_path / "x")
    program = (
        "import sys, lrp, safetensors.torch as s\n"
        "found = lrp.load(sys.argv[1])(s.load_file(sys.argv[2])['x'])\n"
        "s.save_file({'output': found.output, 'relevance': found.relevance}, sys.argv[3])\n"
    )
    files = map(str, (file, tmp_path / "x", tmp_path / "found"))
    subprocess.run([sys.executable, "-c", program, *files], cwd=ROOT, check=True, timeout=120)
    found, expected = safetensors.torch.load_file(tmp_path / "found"), explain(x)
    assert same(found["output"], expected.output) and same(found["relevance"], expected.relevance)


def test_the_file_says_what_it_was_made_of(tmp_path):
    explain, _ = explainer_of("table")
    loaded = lrp.load(lrp.save(explain, tmp_path / "e"))
    assert composites.from_json(loaded.facts["composite"]) == CASES["table"][2]
    assert loaded.facts["versions"]["torch"] == torch.__version__
    assert repr(loaded).startswith("Loaded(input (")


@pytest.mark.parametrize("x", [torch.rand(2, 3, 9, 9), torch.rand(2, 3, 12, 12).double(), [1], {"x": torch.rand(2)}])
def test_inputs_are_checked_as_an_explainer_checks_them(x, tmp_path):
    explain, _ = explainer_of("convolutions")
    loaded = lrp.load(lrp.save(explain, tmp_path / "e"))
    with pytest.raises((TypeError, ValueError)) as mine:
        explain(x)
    with pytest.raises(type(mine.value)) as theirs:
        loaded(x)
    assert str(theirs.value) == str(mine.value)


@pytest.mark.parametrize("at", [0.2, 0.5, 0.9, 0.999])
def test_a_changed_byte_is_told(at, tmp_path):
    file = lrp.save(explainer_of("table")[0], tmp_path / "e")
    content = bytearray(file.read_bytes())
    content[int(at * len(content))] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match="save the explainer again"):
        lrp.load(file)


def test_what_is_no_explainer_is_told(tmp_path):
    with pytest.raises(FileNotFoundError):
        lrp.load(tmp_path / "none")
    with pytest.raises(ValueError, match="is a folder"):
        lrp.load(tmp_path)
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ValueError, match="no safetensors file"):
        lrp.load(tmp_path / "text")
    safetensors.torch.save_file({"w": torch.ones(2)}, tmp_path / "weights")
    with pytest.raises(ValueError, match=r"lrp\.save has written"):
        lrp.load(tmp_path / "weights")


def forged(file, change):
    """The file with other facts, sealed anew as its author could."""
    from lrp.saved.file import _digest

    with safe_open(file, framework="pt") as opened:
        held = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        facts = json.loads(opened.metadata()["explainer"])
    change(facts)
    said = json.dumps(facts)
    file.write_bytes(safetensors.torch.save(held, {"explainer": said, "digest": _digest(held, said)}))
    return file


HOSTILE = ["aten.from_file.default", "os.system", "aten.none.default", "inductor.something.default", "builtins.eval"]


@pytest.mark.parametrize("word", HOSTILE)
def test_a_file_can_compute_and_nothing_else(word, tmp_path):
    def change(facts):
        call = next(node for node in facts["forward"] if node[0] == "call_function")
        call[2], call[3] = word, {"tuple": ["/etc/passwd"]}

    file = forged(lrp.save(explainer_of("table")[0], tmp_path / "e"), change)
    with pytest.raises(ValueError, match=r"is no explainer as lrp\.save writes it"):
        lrp.load(file)


@pytest.mark.parametrize("op", ["call_module", "call_method"])
def test_nodes_of_other_kinds_are_refused(op, tmp_path):
    def change(facts):
        facts["backward"][-2][0] = op

    file = forged(lrp.save(explainer_of("table")[0], tmp_path / "e"), change)
    with pytest.raises(ValueError, match=f"a node is a {op}"):
        lrp.load(file)


def test_a_whole_data_set_by_a_loaded_explainer(files, tmp_path):
    """The same project as by the explainer itself; one begun with another file is not gone on with."""
    explain, inputs = explainer_of("convolutions")
    dataset = torch.utils.data.TensorDataset(inputs(9), torch.arange(9) % 5)
    options = {"target": "label", "batch_size": 4, "progress": False, "statistics": False}
    for name, source in (("one", explain), ("other", lrp.load(files["convolutions"]))):
        lrp.attribute_dataset(source, dataset, tmp_path / name, **options)
    one, other = (spray.open_attributions(tmp_path / name).load() for name in ("one", "other"))
    assert set(one.data_vars) == set(other.data_vars)
    for name in one.data_vars:
        np.testing.assert_array_equal(one[name].values, other[name].values)
    lrp.attribute_dataset(lrp.load(files["convolutions"]), dataset, tmp_path / "other", **options)  # the same run
    with pytest.raises(store.ProjectError, match="saved"):
        lrp.attribute_dataset(lrp.load(files["thin"]), dataset, tmp_path / "other", **options)


def test_inputs_outside_of_the_box_are_told_by_a_loaded_explainer_too(files, tmp_path):
    dataset = torch.utils.data.TensorDataset(3 * torch.rand(4, 3, 12, 12))
    with pytest.warns(UserWarning, match="outside"):
        lrp.attribute_dataset(lrp.load(files["convolutions"]), dataset, tmp_path / "p", progress=False)


def test_copies_pickles_and_files_of_a_loaded_one(files, tmp_path):
    explain, inputs = explainer_of("convolutions")
    x, loaded = inputs(3), lrp.load(files["convolutions"])
    again = (copy.deepcopy(loaded), pickle.loads(pickle.dumps(loaded)), lrp.load(lrp.save(loaded, tmp_path / "e")))
    for other in again:
        assert same(other(x).relevance, explain(x).relevance) and other.axes == explain.axes
    assert again[2].facts == loaded.facts


def test_on_another_device_it_computes_there(files):
    """The meta device computes shapes alone: nothing of the program may be left on the processor."""
    loaded = lrp.load(files["convolutions"], device="meta")
    output, pullback = loaded.program(loaded.weights, torch.empty(6, 3, 12, 12, device="meta"))
    relevance = pullback(torch.empty_like(output))
    assert relevance.device.type == "meta" and relevance.shape == (6, 3, 12, 12)


def test_layers_are_said_to_be_unknown(files):
    _, inputs = explainer_of("convolutions")
    loaded = lrp.load(files["convolutions"])
    output, pullback = loaded.program(loaded.weights, inputs(2))
    with pytest.raises(KeyError, match="make an explainer from the model"):
        pullback(output, at=["0"])
    with pytest.raises(TypeError, match="make an explainer from the model"):
        lrp.conditions(pullback, output, {"0": [1]})


SAVING = """
import sys, lrp
found = lrp.load(sys.argv[1])
while True:
    lrp.save(found, sys.argv[2])
"""


def test_a_killed_save_leaves_a_whole_file(files, tmp_path):
    file = tmp_path / "e"
    file.write_bytes(files["table"].read_bytes())
    old, new = (files[name].read_bytes() for name in ("table", "convolutions"))
    with subprocess.Popen([sys.executable, "-c", SAVING, str(files["convolutions"]), str(file)], cwd=ROOT) as writer:
        while file.read_bytes() == old:
            assert writer.poll() is None
        time.sleep(0.05)
        writer.kill()
    assert len(file.read_bytes()) == len(new) != len(old)
    assert lrp.load(file).facts == lrp.load(files["convolutions"]).facts  # its digest is right


def test_a_later_format_is_told(tmp_path):
    file = forged(lrp.save(explainer_of("table")[0], tmp_path / "e"), lambda facts: facts.update(format=99))
    with pytest.raises(ValueError, match="format 99"):
        lrp.load(file)


def test_compiled_explainers_are_not_saved(tmp_path):
    model = nn.Sequential(nn.Linear(3, 2)).eval()
    explain = lrp.explainer(model, torch.rand(1, 3), composites.epsilon_plus(), compile=True)
    with pytest.raises(ValueError, match="compile=True"):
        lrp.save(explain, tmp_path / "e")
    assert not (tmp_path / "e").exists()


def test_what_programs_call_beside_operators_is_known():
    graph = torch.fx.Graph()
    graph.output(graph.call_function(print, (graph.placeholder("x"),)))
    with pytest.raises(ValueError, match="print"):
        programs.to_data(torch.fx.GraphModule(nn.Module(), graph))


ARGUMENTS = [
    None, True, 3, 0.5, float("inf"), "floor", [1, [2]], (1, (2.5, None)), {"a": [torch.float32]}, slice(1, None, 2),
    torch.device("cpu"), torch.strided, torch.channels_last, torch.bfloat16,
]  # fmt: skip


@pytest.mark.parametrize("value", ARGUMENTS, ids=str)
def test_arguments_survive(value):
    written = json.loads(json.dumps(programs._encoded(value)))
    found = programs._decoded(written, {}, torch.device("cpu"))
    assert found == value and type(found) is type(value)


@pytest.mark.slow
def test_free_lengths_and_checkpoints_survive(tmp_path):
    torch.manual_seed(0)
    model = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    graph = lrp.trace(model, torch.rand(2, 5, 8), free={1: "length"})
    explain = lrp.explainer(graph, composites.attn_lrp(), checkpoint="linear1")
    loaded = lrp.load(lrp.save(explain, tmp_path / "e"))
    for length in (5, 9):
        x = torch.rand(3, length, 8)
        seed = torch.rand(3, length, 8)
        for one, other in zip(explain(x, seed), loaded(x, seed), strict=True):
            assert same(one, other)
    assert loaded.program.kept == explain.program.kept
