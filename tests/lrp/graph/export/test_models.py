import copy

import pytest
import torch
from torch import nn
from torch.export import Dim

import lrp


def network():
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(), nn.Flatten())
    return nn.Sequential(body, nn.Linear(144, 3)).eval()


X = torch.rand(5, 3, 8, 8)


def exported(model):
    return torch.export.export(model, (X[:2],), dynamic_shapes=({0: Dim("batch")},))


def saved(model, folder):
    torch.export.save(exported(model), folder / "model.pt2")
    return folder / "model.pt2"


FORMS = {
    "program": lambda model, _: exported(model),
    "module of a program": lambda model, _: exported(model).module(),
    "path": saved,
    "text": lambda model, folder: str(saved(model, folder)),
    "compiled": lambda model, _: torch.compile(model),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_program_is_explained_as_its_module_is(form, tmp_path):
    model = network()
    given = FORMS[form](model, tmp_path)
    composite = lrp.composites.epsilon_gamma_box(0, 1)
    found, wanted = (lrp.explainer(m, X[:1], composite) for m in (given, model))
    torch.testing.assert_close(found(X, 1).output, wanted(X, 1).output)
    torch.testing.assert_close(found(X, 1).relevance, wanted(X, 1).relevance)
    assert found.program.graph.find("0.2").name == wanted.program.graph.find("0.2").name


def test_a_program_that_trains_is_an_error():
    model = nn.Sequential(nn.Linear(4, 3), nn.Dropout())
    program = torch.export.export(model, (torch.zeros(2, 4),))
    with pytest.raises(lrp.TraceError, match="draws at random"):
        lrp.trace(program, torch.zeros(2, 4))
    with pytest.raises(ValueError, match="training mode"):
        lrp.trace(model, torch.zeros(2, 4))


def test_a_program_of_one_batch_size_says_so():
    program = torch.export.export(network(), (X[:2],))
    graph = lrp.trace(program, X[:2])
    assert graph.batch == 2
    with pytest.raises(ValueError, match="ties its batch size to 2"):
        graph(graph.params, X)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("script", [torch.jit.script, lambda model: torch.jit.trace(model, X)])
def test_scripted_models_name_the_remedy(script):
    with pytest.raises(lrp.TraceError, match=r"give the nn.Module that it was made from"):
        lrp.trace(script(network()), X)


def test_files_that_are_no_programs(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such file: .*none.pt2"):
        lrp.trace(tmp_path / "none.pt2", X)
    (tmp_path / "bad.pt2").write_bytes(b"no program")
    with pytest.raises(lrp.TraceError, match=r"bad.pt2 is no program that torch.export.save wrote"):
        lrp.trace(tmp_path / "bad.pt2", X)
    with pytest.raises(TypeError, match=r"must be an nn.Module, an ExportedProgram or the path"):
        lrp.trace(lambda x: x, X)


def test_a_program_is_as_it_was():
    program = exported(network())
    before = program.graph_module.code, copy.deepcopy(program.state_dict)
    lrp.explainer(program, X, lrp.composites.epsilon_plus())
    assert program.graph_module.code == before[0]
    assert all(torch.equal(a, b) for a, b in zip(program.state_dict.values(), before[1].values(), strict=True))
