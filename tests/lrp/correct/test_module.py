"""A graph as a module again: it is the model, trains as it does, and exports."""

import copy
import io

import pytest
import torch
from torch import nn

import lrp
from lrp._torchvision import torchvision
from tests.support.networks import Functional, Mlp, Shared, image

CHEAP = ["squeezenet1_1"]
REST = """shufflenet_v2_x0_5 alexnet vgg11_bn
resnet18 resnext50_32x4d densenet121 mobilenet_v2 mobilenet_v3_small mnasnet0_5
googlenet inception_v3 regnet_y_400mf efficientnet_b0 convnext_tiny vit_b_32 swin_t swin_v2_t maxvit_t""".split()
SIZES = {"inception_v3": 128, "vit_b_32": 224, "maxvit_t": 224, "swin_t": 64, "swin_v2_t": 64}


@pytest.mark.parametrize("name", [*CHEAP, *(pytest.param(name, marks=pytest.mark.slow) for name in REST)])
def test_every_family(name):
    torch.manual_seed(0)
    extra = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    model = torchvision().models.get_model(name, weights=None, num_classes=5, **extra).double().eval()
    x = torch.rand(2, 3, *[SIZES.get(name, 64)] * 2, dtype=torch.double)
    graph = lrp.trace(model, x[:1])
    with torch.no_grad():
        expected = model(x)
        for one in (graph, lrp.canonize(graph)):
            assert torch.allclose(lrp.as_module(one)(x), expected, rtol=0, atol=1e-10 * max(1, expected.abs().max()))
    module = lrp.as_module(graph)
    assert set(module.state_dict()) <= set(model.state_dict())
    found, own = dict(module.named_parameters()), dict(model.named_parameters())
    assert all(torch.equal(value, own[key]) for key, value in found.items())
    missing = set(own) - set(found)
    assert not missing or name in ("googlenet", "inception_v3")  # their auxiliary heads do not predict


def test_tuned_parameters_go_back_into_the_model():
    torch.manual_seed(0)
    model, x = Mlp().eval(), torch.rand(6, 5)
    module = lrp.as_module(lrp.trace(model, x[:1])).train()
    y, before = torch.arange(6) % 3, model(x).detach()
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    nn.functional.cross_entropy(module(x), y).backward()
    optimizer.step()
    assert torch.equal(model(x), before)  # the module's parameters are its own
    model.load_state_dict(module.state_dict())
    assert torch.allclose(model(x), module(x), atol=1e-6) and not torch.allclose(model(x), before, atol=1e-4)


def test_one_step_is_the_models_own():
    torch.manual_seed(0)
    model, x = Mlp().double().eval(), torch.rand(3, 5, dtype=torch.double)
    module = lrp.as_module(lrp.trace(model, x))
    for one in (model, module):
        nn.functional.cross_entropy(one(x), torch.tensor([0, 1, 2])).backward()
    own = dict(model.named_parameters())
    for name, value in module.named_parameters():
        assert torch.allclose(value.grad, own[name].grad, atol=1e-12)


@pytest.mark.parametrize("make", [Functional, Shared])
def test_it_is_copied_saved_and_exported(make):
    model, x = make().double().eval(), image(3)
    graph = lrp.trace(model, x)
    corrected = lrp.correct.project(
        graph, graph.find(graph.layers[0]).name, torch.ones(x.shape[1] + (make is Functional)), 0.5
    )
    module, stream = lrp.as_module(corrected), io.BytesIO()
    expected = corrected(corrected.params, x)
    torch.save(copy.deepcopy(module), stream)
    stream.seek(0)
    assert torch.equal(torch.load(stream, weights_only=False)(x), expected)
    exported = torch.export.export(module, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    stream = io.BytesIO()
    torch.export.save(exported, stream)
    stream.seek(0)
    assert torch.allclose(torch.export.load(stream).module()(x[:1]), expected[:1], atol=1e-12)
    assert {"correction.direction", "correction.component"} <= set(module.state_dict())


def test_it_goes_to_onnx(tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    model, x = Functional().eval(), image(3).float()
    file = tmp_path / "model.onnx"
    torch.onnx.export(lrp.as_module(lrp.trace(model, x)), (x,), file, dynamo=True)
    session = runtime.InferenceSession(file)
    (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    assert torch.allclose(torch.as_tensor(found), model(x), atol=1e-5)


def test_a_parameter_that_is_missing():
    graph = lrp.trace(Mlp().eval(), torch.rand(1, 5))
    with pytest.raises(KeyError, match=r"params lack layers\.0\.bias"):
        lrp.as_module(graph, {})
