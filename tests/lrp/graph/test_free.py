"""Axes beside the batch that may vary: one explainer for texts of all lengths, and inputs with batches of their own."""

import pickle

import pytest
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

import lrp
from lrp import composites


class Classifier(nn.Module):
    """Ids and a mask, positions, an encoder, an average."""

    def __init__(self):
        super().__init__()
        self.embedding, self.position = nn.Embedding(50, 16), nn.Embedding(64, 16)
        self.body, self.head = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), nn.Linear(16, 3)

    def forward(self, ids, mask):
        h = self.embedding(ids) + self.position(torch.arange(ids.shape[1], device=ids.device))
        h = self.body(h, src_key_padding_mask=mask == 0)
        return self.head((h * mask[..., None]).sum(1) / mask.sum(1, keepdim=True))


class Decoder(nn.Module):
    """Grouped heads that see what is before them; a score for each token."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.o = nn.Linear(8, 8), nn.Linear(8, 4), nn.Linear(8, 4), nn.Linear(8, 5)

    def forward(self, x):
        q, k, v = (f(x).unflatten(-1, (-1, 2)).transpose(1, 2) for f in (self.q, self.k, self.v))
        y = scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        return self.o(y.transpose(1, 2).flatten(2))


def text(batch, length):
    seeded = torch.Generator().manual_seed(length)
    mask = torch.ones(batch, length, dtype=torch.long)
    mask[0, -1] = 0
    return {"ids": torch.randint(0, 50, (batch, length), generator=seeded), "mask": mask}


def model_of(make):
    torch.manual_seed(0)
    return make().eval().double()


ROWS = {"whole": composites.attn_lrp(), "parts": composites.epsilon_plus()}
NAMED = {"ids": {1: "length"}, "mask": {1: "length"}}


@pytest.mark.parametrize(
    ("attention", "free"), [("whole", {1: "length"}), pytest.param("parts", NAMED, marks=pytest.mark.slow)]
)
def test_one_explainer_for_all_lengths(attention, free):
    model = model_of(Classifier)
    explain = lrp.explainer(model, text(2, 7), ROWS[attention], free=free)
    for batch, length in ((3, 12), (1, 2)):
        given = text(batch, length)
        own = lrp.explainer(model, given, ROWS[attention])
        torch.testing.assert_close(explain(given).output, model(**given))
        torch.testing.assert_close(explain(given).relevance["ids"], own(given).relevance["ids"])
    again = pickle.loads(pickle.dumps(explain))
    torch.testing.assert_close(again(text(2, 9)).relevance["ids"], explain(text(2, 9)).relevance["ids"])


@pytest.mark.parametrize("attention", ROWS)
def test_tokens_of_a_decoder_as_those_of_the_text_before_them(attention):
    model, x = model_of(Decoder), torch.randn(2, 9, 8, dtype=torch.float64)
    explain = lrp.explainer(model, x[:, :4], ROWS[attention], free={1: "length"})
    whole, prefix = explain(x, (5, 2)).relevance, explain(x[:, :6], (5, 2)).relevance
    torch.testing.assert_close(whole[:, :6], prefix)
    assert not whole[:, 6:].any()


def test_lengths_that_do_not_fit():
    explain = lrp.trace(model_of(Classifier), text(2, 7), free={1: "length"})
    with pytest.raises(ValueError, match="axis 1 of input 'mask' is 6 long, axis 1 of 'ids' 5"):
        explain(explain.params, {"ids": text(2, 5)["ids"], "mask": text(2, 6)["mask"]})
    fixed = lrp.trace(model_of(Classifier), text(2, 7))
    with pytest.raises(ValueError, match=r"traced for \(batch, 7\)"):
        fixed(fixed.params, text(2, 5))


@pytest.mark.parametrize(
    ("free", "said"),
    [
        ({2: "length"}, "no input has an axis 2"),
        ({0: "batch"}, "no input has an axis 0"),
        ({"id": {1: "length"}}, "no input 'id'; there are ids, mask"),
        ({"ids": {3: "length"}}, "no axis 3"),
    ],
)
def test_axes_that_are_not_there(free, said):
    with pytest.raises(ValueError, match=said):
        lrp.trace(model_of(Classifier), text(2, 7), free=free)


def test_an_axis_that_the_model_ties():
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 2)).eval()
    with pytest.raises(lrp.TraceError, match=r"ties axis 1 of input '\w+' \(length\) to 4"):
        lrp.trace(model, torch.zeros(2, 4, 3), free={1: "length"})


class Compared(nn.Module):
    """Each sample against the average of examples, of which there may be any number."""

    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Linear(4, 3), nn.Linear(2, 3)

    def forward(self, left, right):
        return self.left(left) + self.right(right).mean(0)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_second_input_has_its_own_batch(count):
    model = model_of(Compared)
    left, right = torch.randn(2, 4, dtype=torch.float64), torch.randn(count, 2, dtype=torch.float64)
    graph = lrp.trace(model, {"left": left, "right": right})
    explain = lrp.explainer(graph, composites.epsilon_plus())
    for samples, others in ((2, count), (6, count), (1, 3 if count == 5 else count)):
        given = {
            "left": torch.randn(samples, 4, dtype=torch.float64),
            "right": torch.randn(others, 2, dtype=torch.float64),
        }
        output, relevance = explain(given, 0)
        torch.testing.assert_close(output, model(**given))
        assert relevance["left"].shape == (samples, 4) and relevance["right"].shape == (others, 2)
        account = lrp.audit(explain.program, explain.weights, given, torch.ones_like(output))
        assert abs(account.residual).max() < 1e-9


def test_positions_up_to_a_free_length_are_no_normalization_of_the_input():
    class Embedded(nn.Module):
        def __init__(self):
            super().__init__()
            self.position, self.head = nn.Embedding(64, 8), nn.Linear(8, 3)

        def forward(self, x):
            return self.head(torch.tanh(x + self.position(torch.arange(x.shape[1]))).mean(1))

    model, x = model_of(Embedded), torch.randn(2, 6, 8, dtype=torch.float64)
    free = lrp.explainer(model, x[:, :4], composites.epsilon_plus(), free={1: "length"})
    own = lrp.explainer(model, x, composites.epsilon_plus())
    torch.testing.assert_close(free(x).relevance, own(x).relevance)


def test_another_length_is_an_error_that_names_the_remedy():
    explain = lrp.explainer(nn.Linear(3, 2).eval(), torch.randn(2, 5, 3), lrp.composites.attn_lrp())
    with pytest.raises(ValueError, match=r"traced for \(batch, 5, 3\).*or with free=\{1: 'length'\} for all sizes"):
        explain(torch.randn(2, 4, 3), torch.ones_like)
    with pytest.raises(ValueError, match=r"an example of yours$"):
        explain(torch.randn(2, 3), torch.ones_like)
