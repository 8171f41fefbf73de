"""`lrp heatmap --model hf:FOLDER --text ...`: small models that transformers saved, with tokenizers of their own."""

import re

import pytest
import torch
from click.testing import CliRunner

import lrp
import spray
from lrp._torchvision import torchvision
from lrp.cli.group import main
from lrp.explain import logit
from tests.docs.test_pages import ROOT

torchvision()  # before transformers imports it
hf = pytest.importorskip("transformers", reason="the extra `text`")
tokenizers = pytest.importorskip("tokenizers", reason="the extra `text`")
pytestmark = pytest.mark.filterwarnings("ignore")  # the package's own

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "film", "is", "not", "bad", "un", "##watch", "##able", "<b>"]
ENDS = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
SIZES = {"vocab_size": len(WORDS), "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
TEXTS = ["the film is unwatchable", "not bad"]


def tokenizer():
    """Words of a small vocabulary, and pieces of words, between the two special tokens of BERT."""
    made = tokenizers.Tokenizer(tokenizers.models.WordPiece({w: at for at, w in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return hf.PreTrainedTokenizerFast(tokenizer_object=made, **special)


MODELS = {
    "classifier": lambda: hf.BertForSequenceClassification(
        hf.BertConfig(**SIZES, intermediate_size=32, max_position_embeddings=32, num_labels=3)
    ),
    "writer": lambda: hf.LlamaForCausalLM(hf.LlamaConfig(**SIZES, intermediate_size=32, **ENDS)),
    "llama": lambda: hf.LlamaForSequenceClassification(
        hf.LlamaConfig(**SIZES, intermediate_size=32, num_labels=3, **ENDS)
    ),
    "body": lambda: hf.BertModel(hf.BertConfig(**SIZES, intermediate_size=32, max_position_embeddings=32)),
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder for each model."""
    folder = tmp_path_factory.mktemp("saved")
    for name, make in MODELS.items():
        torch.manual_seed(0)
        make().eval().save_pretrained(folder / name)
        tokenizer().save_pretrained(folder / name)
    return folder


def run(*words):
    return CliRunner().invoke(main, ["heatmap", *map(str, words)], color=True)


def said(result):
    """The lines without colours."""
    return re.sub(r"\x1b\[[\d;]*m", "", result.stdout).splitlines()


def explained(saved, text, target=None):
    """The same by the package's own functions."""
    x = dict(tokenizer()(text, return_tensors="pt"))
    model = hf.BertForSequenceClassification.from_pretrained(saved / "classifier").eval()
    explain = lrp.explainer(model, x, lrp.composites.attn_lrp(), output="logits")
    return x, *explain(x, target)


def test_texts_are_printed_and_written(saved, tmp_path):
    result = run("--model", f"hf:{saved / 'classifier'}", "--text", TEXTS[0], "--text", TEXTS[1], "--out", tmp_path)
    assert result.exit_code == 0, result.output
    lines = said(result)
    assert lines[0] == "[CLS] the film is unwatchable [SEP]" and lines[2] == "[CLS] not bad [SEP]"
    for number, text in enumerate(TEXTS, 1):
        x, output, relevance = explained(saved, text)
        best = int(output[0].argmax())
        assert lines[2 * number - 1].endswith(f"class {best}  {float(output[0, best]):.4g}")
        tokens = tokenizer().convert_ids_to_tokens(x["input_ids"][0])
        drawn = lrp.text.html(tokens, relevance["input_ids"][0], special=tokenizer().all_special_tokens)
        assert drawn in (tmp_path / f"text-{number}.html").read_text(encoding="utf-8")
    assert "random" not in result.output


@pytest.mark.parametrize("suffix", ["svg", "tex"])
def test_other_formats(saved, tmp_path, suffix):
    result = run("--model", f"hf:{saved / 'classifier'}", "--text", TEXTS[1], "--out", tmp_path, "--format", suffix)
    assert result.exit_code == 0 and (tmp_path / f"text-1.{suffix}").stat().st_size > 300


def test_a_file_of_texts_becomes_a_project(saved, tmp_path):
    file = tmp_path / "reviews.csv"
    file.write_text("review,label\n" + "".join(f"{text},{at}\n" for at, text in enumerate(TEXTS)))
    words = ["--model", f"hf:{saved / 'classifier'}", "--data", file, "--kind", "text", "--text", "review"]
    words += ["--label", "label", "--length", "8", "--out", tmp_path / "project", "--quiet"]
    result = CliRunner().invoke(main, ["attribute", *map(str, words)])
    assert result.exit_code == 0, result.output
    found = spray.open_attributions(tmp_path / "project").load()
    for at, text in enumerate(TEXTS):
        x, output, relevance = explained(saved, text)
        length = x["input_ids"].shape[1]
        own = found.isel(sample=at)
        assert own.token_text.values[:length].tolist() == tokenizer().convert_ids_to_tokens(x["input_ids"][0])
        torch.testing.assert_close(torch.tensor(own.output.values), output[0].detach(), rtol=1e-4, atol=1e-5)
        wanted = relevance["input_ids"][0].detach()
        torch.testing.assert_close(torch.tensor(own.relevance.values[:length]), wanted, rtol=1e-3, atol=1e-5)
        assert not own.relevance.values[length:].any()


def test_why_the_next_token(saved):
    result = run("--model", f"hf:{saved / 'writer'}", "--text", TEXTS[0])
    assert result.exit_code == 0, result.output
    x = tokenizer()(TEXTS[0], return_tensors="pt")
    model = hf.LlamaForCausalLM.from_pretrained(saved / "writer").eval()
    with torch.no_grad():
        logits = model(**x).logits[0, -1]
    assert said(result)[-1] == f"next {tokenizer().decode([int(logits.argmax())])!r}  {float(logits.max()):.4g}"


def test_what_was_generated(saved):
    result = run("--model", f"hf:{saved / 'writer'}", "--text", TEXTS[1], "--generate", 3)
    assert result.exit_code == 0, result.output
    *rows, last = said(result)
    assert len(rows) == 3 and last.startswith("wrote ") and all("[CLS] not bad [SEP]" in row for row in rows)


def test_six_lines_from_a_saved_model_to_coloured_text(saved):
    """The block of the page, of a classifier like Llama; its imports are not counted."""
    page = (ROOT / "docs" / "howto" / "language-model.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    code = next(each for each in blocks if "AutoModelForSequenceClassification" in each)
    lines = [line for line in code.splitlines() if line and not line.startswith(("#", "from ", "import "))]
    assert len(lines) <= 6 and all(len(line) <= 120 for line in lines)
    namespace: dict = {}
    exec(code.replace('"sentiment"', repr(str(saved / "llama"))), namespace)
    assert namespace["relevance"].any() and namespace["page"].count("<span") > namespace["x"]["input_ids"].shape[1] - 2


def test_generated_tokens_are_explained_as_their_prefixes(saved):
    model = hf.LlamaForCausalLM.from_pretrained(saved / "writer").eval().double()
    ids = torch.randint(4, len(WORDS), (1, 9))
    explain = lrp.explainer(model, {"input_ids": ids}, lrp.composites.attn_lrp(), output="logits", free={1: "length"})
    found = lrp.generated(explain, ids, 5).relevance["input_ids"]
    for step, end in enumerate(range(5, 9)):
        alone = explain({"input_ids": ids[:, :end]}, logit((end - 1, int(ids[0, end])))).relevance["input_ids"][0]
        torch.testing.assert_close(found[step, :end], alone, rtol=1e-12, atol=1e-14)
        assert not found[step, end:].any()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "hf:nowhere/at_all"], "not found"),
        (["--model", "hf:SAVED/body"], "no logits: say --output"),
        (["--model", "hf:SAVED/classifier", "--generate", "2"], "BertForSequenceClassification does not"),
        (["--model", "hf:SAVED/classifier", "--method", "gradient"], "--text is explained by --method lrp"),
        (["--model", "hf:SAVED/classifier", "--classes", "2"], "has the classes that it was trained for"),
        (["--model", "torchvision:resnet18"], "needs a model with a tokenizer"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(saved, words, message, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    result = run(*(word.replace("SAVED", str(saved)) for word in words), "--text", "bad")
    assert result.exit_code == 1 and message in result.output, result.output
