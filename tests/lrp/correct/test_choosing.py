"""The default correction: what is tried, what is taken, and by which groups."""

import pytest
import torch
from torch import nn

import lrp
from lrp import correct
from lrp.correct import Samples
from lrp.correct.choosing import Tried, _best


@pytest.fixture(scope="module")
def cheating():
    """A model that reads the class off a corner, which half of class 1 has."""
    torch.manual_seed(0)
    x, y = 0.3 * torch.rand(160, 1, 6, 6), torch.arange(160) % 2
    x[:, :, 3:5, 3:5] += 0.25 * y[:, None, None, None]
    members = (y == 1) & (torch.arange(160) % 4 == 1)
    x[members, :, :2, :2] = 1
    model = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(96, 2))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(40):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    graph = lrp.trace(model.eval(), x[:1])
    data = Samples(x, y)
    return correct.locate(graph, data, members, lrp.composites.epsilon_plus()), data


OPTIONS = {"epochs": 9, "progress": False}


def test_candidates_are_tried_on_groups_that_nobody_labelled(cheating):
    found, data = cheating
    choice = correct.choose(found, data, candidates=["paste", "project"], tolerance=0.1, **OPTIONS)
    assert list(choice.tried) == ["before", "paste", "project"] and not choice.failed
    assert choice.tried["before"].group == "class 0, pasted"  # whom the artefact misleads
    assert choice.tried[choice.method].worst == max(one.worst for one in choice.tried.values())
    assert choice.tried[choice.method].worst > choice.tried["before"].worst + 0.1
    assert str(choice).count("\n") == 3 and f"{choice.tried['paste'].worst:.3f}" in str(choice)
    again = correct.choose(found, data, candidates=["paste", "project"], tolerance=0.1, **OPTIONS)
    assert again == choice


def test_what_cannot_be_tried_is_said(cheating):
    found, data = cheating
    alone = data.rows(data.y == 1)
    with pytest.warns(UserWarning, match="no method has a better worst group"):  # of one class, all is right
        choice = correct.choose(found, alone, candidates=["paste", "project"], **OPTIONS)
    assert choice.method == "project" and "all of class 1" in choice.failed["paste"] and "all of class 1" in str(choice)
    with pytest.raises(ValueError, match="no method can be tried: paste: the training samples are all of class 1"):
        correct.choose(found, alone, candidates=["paste"], **OPTIONS)


def test_the_best_worst_group_is_taken_of_those_that_keep_the_accuracy():
    before = Tried(0.9, 0.4, "class 0, pasted")
    tried = {"before": before, "paste": before._replace(worst=0.7), "project": Tried(0.8, 0.8, "class 1 with it")}
    assert _best(tried, 0.01)[0] == "paste" and _best(tried, 0.2)[0] == "project"
    costly = {"before": before, "paste": Tried(0.7, 0.9, ""), "project": Tried(0.8, 0.8, "")}
    name, why = _best(costly, 0.01)
    assert name == "project" and "every method costs more than 0.01" in why
    with pytest.warns(UserWarning, match="no method has a better worst group"):
        assert _best({"before": before, "paste": before, "project": before}, 0.01)[0] == "paste"
