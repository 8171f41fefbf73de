"""Taking tokens away: the curve of a model whose output is a sum over tokens is known."""

import pytest
import torch
from torch import nn

from lrp.evaluate import abpc, token_curve

IDS = torch.tensor([[4, 1, 7, 2]])


class Sum(nn.Module):
    """The output is the sum of one number for each token that is not masked."""

    def __init__(self):
        super().__init__()
        self.worth = nn.Embedding(9, 1)
        with torch.no_grad():
            self.worth.weight.copy_(torch.arange(9.0)[:, None])

    def forward(self, input_ids, attention_mask):
        return (self.worth(input_ids)[..., 0] * attention_mask).sum(1, keepdim=True).expand(-1, 2)


@pytest.mark.parametrize(
    ("remove", "curve"), [("mask", [14, 7, 3, 1, 0]), ("drop", [14, 7, 3, 1, 0]), (3, [14, 10, 9, 10, 12])]
)
@pytest.mark.parametrize("at_once", [1, 2, 32])
def test_most_relevant_first(remove, curve, at_once):
    x = {"input_ids": IDS, "attention_mask": torch.ones_like(IDS)}
    worth = IDS.float()
    found = token_curve(Sum().eval(), x, worth, 0, remove=remove, at_once=at_once)
    # the order is 7, 4, 2, 1; put in place of one, 3 adds to what is left
    assert found.tolist() == curve
    least = token_curve(Sum().eval(), x, worth, 0, remove=remove, order="lerf", at_once=at_once)
    assert least[0] == found[0] and least[-1] == found[-1]
    if remove != 3:
        assert abpc(least[None], found[None]) > 0


def test_some_tokens_stay():
    x = {"input_ids": IDS, "attention_mask": torch.ones_like(IDS)}
    stay = torch.tensor([True, False, False, True])
    assert token_curve(Sum().eval(), x, IDS.float(), 1, stay=stay).tolist() == [14, 7, 6]


def test_what_does_not_fit_is_said():
    with pytest.raises(ValueError, match="no attention_mask"):
        token_curve(Sum().eval(), IDS, IDS.float())
    with pytest.raises(ValueError, match="4 tokens"):
        token_curve(Sum().eval(), {"input_ids": IDS, "attention_mask": IDS}, torch.ones(3))
    with pytest.raises(ValueError, match="one text"):
        token_curve(Sum().eval(), IDS.repeat(2, 1), IDS.float(), remove=0)
    with pytest.raises(ValueError, match="go with the tokens"):
        token_curve(nn.Embedding(9, 3).eval(), IDS, IDS.float(), torch.ones_like, remove="drop")
