"""The default correction: what is tried, what is taken, and by which groups."""

import pytest
import torch
from torch import nn

import lrp
from lrp import correct
from lrp.correct import Samples
from lrp.correct.choosing import Tried, _best, at_least


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
    assert str(choice).count("\n") == 4 and f"{choice.tried['paste'].worst:.3f}" in str(choice)
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
    tried = {"before": before, "paste": before._replace(worst=0.7), "project": Tried(0.8, 0.8, "class 1 with it", 0.08)}
    assert _best(tried, 0.01, "9 samples")[0] == "paste" and _best(tried, 0.2, "9 samples")[0] == "project"
    costly = {"before": before, "paste": Tried(0.7, 0.9, "", 0.15), "project": Tried(0.8, 0.8, "", 0.05)}
    name, why = _best(costly, 0.01, "9 samples")
    assert (
        name == "project" and "every method costs more than 0.01 of the accuracy; this one least, at least 0.050" in why
    )
    with pytest.warns(UserWarning, match="no method has a better worst group on 9 samples"):
        assert _best({"before": before, "paste": before, "project": before}, 0.01, "9 samples")[0] == "paste"


def test_few_wrong_of_many_are_no_proof_of_a_loss():
    """Against the interval in closed form where pairs change one way only: d = lost / (n + 2), and its error."""
    before = torch.arange(180) < 170
    for lost in range(12):
        after = before & (torch.arange(180) >= lost)
        share, var = lost / 182, (lost + 1) / 182**2 - (lost / 182) ** 2 / 182
        assert at_least(after, before) == pytest.approx(share - 1.645 * var**0.5, abs=1e-9)
    assert at_least(before & (torch.arange(180) >= 2), before) < 0.01
    assert at_least(before & (torch.arange(180) >= 9), before) > 0.01


@pytest.mark.slow
def test_the_bound_of_a_difference_holds_for_nineteen_of_twenty():
    generator = torch.Generator().manual_seed(0)
    for n, won, lost in ((30, 0.1, 0.05), (200, 0.02, 0.03), (100, 0.3, 0.0)):
        draws = torch.rand(4000, n, generator=generator)
        before, after = draws < 0.5 + lost, (draws < 0.5) | (draws >= 1 - won)
        bounds = torch.tensor([at_least(*one) for one in zip(before, after, strict=True)])
        assert (bounds <= won - lost).double().mean() > 0.93


def test_validation_samples_are_new_to_the_model(cheating):
    found, data = cheating
    torch.manual_seed(1)
    x, y = 0.3 * torch.rand(60, 1, 6, 6), torch.arange(60) % 2
    x[:, :, 3:5, 3:5] += 0.25 * y[:, None, None, None]
    choice = correct.choose(found, data, validation=Samples(x, y), candidates=["project"], **OPTIONS)
    assert choice.judged_on == "60 samples that the model has not seen" and choice.judged_on in choice.why
    assert "judged on 60 samples" in str(choice)
    with_some = Samples(torch.cat([x, data.x[:5]]), torch.cat([y, data.y[:5]]))
    with pytest.warns(UserWarning, match="5 of 65 validation samples are training samples: left out"):
        assert correct.choose(found, data, validation=with_some, candidates=["project"], **OPTIONS) == choice
    known = Samples(x, y, artefact=torch.arange(60) < 6)
    groups = correct.choose(found, data, validation=known, candidates=["project"], **OPTIONS).tried["before"]
    assert groups != choice.tried["before"]
    with pytest.raises(ValueError, match="all validation samples are training samples"):
        correct.choose(found, data, validation=data, **OPTIONS)
    with pytest.raises(ValueError, match=r"validation samples are \(1, 5, 6\), training samples \(1, 6, 6\)"):
        correct.choose(found, data, validation=Samples(x[:, :, 1:], y), **OPTIONS)
