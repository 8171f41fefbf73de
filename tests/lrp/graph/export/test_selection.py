import collections
import dataclasses

import pytest
import torch
from torch import nn

import lrp


@dataclasses.dataclass
class Result:
    logits: torch.Tensor
    features: torch.Tensor | None = None


class ModelOutput(collections.OrderedDict):
    """As transformers has them: a mapping of keys that tuple-like code reads by position."""


class State:
    """Nothing that torch.export knows, such as a cache of keys and values."""


Pair = collections.namedtuple("Pair", "logits features")
MAKE = {
    "dict": lambda y, x: {"logits": y, "features": x},
    "named": Pair,
    "dataclass": Result,
    "mapping": lambda y, x: ModelOutput(logits=y, features=x, loss=None),
    "nested": lambda y, x: (x, {"deep": [y]}),
    "state": lambda y, _: {"logits": y, "state": State()},
    "one": lambda y, _: (y,),
    "one of a list": lambda y, _: [y],
    "one of a dict": lambda y, _: {"logits": y, "loss": None},
    "one of a dataclass": lambda y, _: Result(y),
    "plain": lambda y, _: y,
}


class Net(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.layer, self.kind = nn.Linear(4, 3), kind

    def forward(self, x):
        return MAKE[self.kind](self.layer(x), x)


X = torch.randn(2, 4)


@pytest.mark.parametrize(
    ("kind", "output"),
    [(k, o) for k in ("dict", "named", "dataclass", "mapping") for o in ("logits", lambda r: next(iter(parts(r))))]
    + [(k, o) for k in ("named", "dataclass", "mapping") for o in (0, -2)]
    + [("nested", 1), ("nested", lambda r: r[1]["deep"][0]), ("state", "logits")]
    + [(k, None) for k in MAKE if k.startswith("one")]
    + [("plain", None)],
)
def test_an_output_is_chosen(kind, output):
    model = Net(kind).eval()
    graph = lrp.trace(model, X, output)
    assert torch.equal(graph(graph.params, X), model.layer(X))
    assert set(graph.params) == {"layer.weight", "layer.bias"}
    assert graph.find("layer") is graph.output


def parts(result):
    return (
        vars(result).values()
        if isinstance(result, Result)
        else result.values()
        if hasattr(result, "values")
        else result
    )


@pytest.mark.parametrize("kind", ["dict", "named", "dataclass", "mapping"])
@pytest.mark.parametrize("output", [None, "scores", 5, lambda r: r.missing, lambda r: r])
def test_a_choice_that_is_missing_lists_what_there_is(kind, output):
    with pytest.raises(lrp.TraceError, match=r"\['logits', 'features'\]") as error:
        lrp.trace(Net(kind).eval(), X, output)
    assert "\n" not in str(error.value)


def test_what_is_no_tensor_is_no_output():
    with pytest.raises(lrp.TraceError, match=r"output='state' is a State"):
        lrp.trace(Net("state").eval(), X, "state")
