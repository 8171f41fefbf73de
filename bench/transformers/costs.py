"""`costs`: memory kept of a prediction, time of an explanation and of making an explainer, in plain gradients."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

import lrp
from bench.transformers.models import hf
from lrp.composites import attn_lrp

WORDS = 2000
LENGTHS = (128, 512, 1024, 4096)


def bert(layers: int, width: int, heads: int, attention: str = "sdpa") -> nn.Module:
    """A classifier of texts with random weights, of BERT's shape."""
    torch.manual_seed(0)
    config = hf.BertConfig(
        hidden_size=width, num_attention_heads=heads, intermediate_size=4 * width, num_hidden_layers=layers,
        vocab_size=WORDS, num_labels=3, max_position_embeddings=4096, attn_implementation=attention,
    )  # fmt: skip
    return hf.BertForSequenceClassification(config).eval().requires_grad_(False)


def llama(layers: int, width: int, heads: int) -> nn.Module:
    torch.manual_seed(0)
    config = hf.LlamaConfig(
        hidden_size=width, num_attention_heads=heads, num_key_value_heads=heads // 2, intermediate_size=3 * width,
        num_hidden_layers=layers, vocab_size=WORDS, max_position_embeddings=4096, pad_token_id=0,
    )  # fmt: skip
    return hf.LlamaForCausalLM(config).eval().requires_grad_(False)


def made(model: nn.Module, x: dict[str, Tensor], checkpoint: str | tuple[str, ...] = ()) -> lrp.Explainer:
    return lrp.explainer(model, x, attn_lrp(), output="logits", free={1: "length"}, checkpoint=checkpoint)


def embeds(model: Any, batch: int, length: int) -> dict[str, Tensor]:
    table = model.get_input_embeddings()
    return {"inputs_embeds": table(torch.randint(5, WORDS, (batch, length))).detach()}


def megabytes(values: Iterable[Any], without: set[int]) -> float:
    """Of the memory behind tensors, each piece once."""
    found = {v.untyped_storage().data_ptr(): v.untyped_storage().nbytes() for v in values if isinstance(v, Tensor)}
    return sum(size for place, size in found.items() if place not in without) / 2**20


def kept(model: nn.Module, explain: lrp.Explainer, length: int) -> tuple[float, float]:
    """What is kept of one prediction: by the program, and by autograd."""
    x = embeds(model, 1, length)
    with torch.no_grad():
        _, pullback = explain.program(explain.weights, x)
    own = {v.untyped_storage().data_ptr() for v in [*model.parameters(), *model.buffers(), *pullback.given]
           if isinstance(v, Tensor)}  # fmt: skip
    ours = megabytes(pullback.kept, own)
    saved: list[Tensor] = []
    given = x["inputs_embeds"].clone().requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(lambda v: saved.append(v) or v, lambda v: v):
        model(inputs_embeds=given).logits.sum()
    return ours, megabytes(saved, own | {given.untyped_storage().data_ptr()})


def seconds(*each: Callable[[], Any], rounds: int = 5) -> list[float]:
    """Processor time of each, in turn, the median of some rounds."""
    found: list[list[float]] = [[] for _ in each]
    for _ in range(rounds):
        for times, run in zip(found, each, strict=True):
            start = time.process_time()
            run()
            times.append(time.process_time() - start)
    return [median(times) for times in found]


def memory() -> Iterator[str]:
    model = bert(2, 256, 4)
    x = embeds(model, 1, 16)
    for said, explain in (
        ("kept", made(model, x)),
        ("kept, a checkpoint a layer", made(model, x, "*.encoder.layer.*")),
    ):
        for length in LENGTHS:
            ours, plain = kept(model, explain, length)
            numbers = f"{ours:6.1f} MB, autograd {plain:.1f}, {ours / plain:.2f} x"
            yield f"{said}, 2 layers of 256, {length:5} tokens: {numbers}"


def thrift() -> Iterator[str]:
    """Time of an explanation with checkpoints, and that it is the same."""
    model = bert(6, 256, 4)
    x = embeds(model, 1, 16)
    plain, thrifty = made(model, x), made(model, x, "*.encoder.layer.*")
    x = embeds(model, 1, 4096)
    same = torch.equal(plain(x, 0).relevance["inputs_embeds"], thrifty(x, 0).relevance["inputs_embeds"])
    more, once = seconds(lambda: thrifty(x, 0), lambda: plain(x, 0), rounds=3)
    yield f"6 layers of 256, 4096 tokens, a checkpoint a layer: {more / once:.2f} x the time, equal: {same}"


def speed() -> Iterator[str]:
    model = bert(6, 768, 12)
    explain = made(model, embeds(model, 2, 16))
    for length in (64, 256):
        x = embeds(model, 2, length)

        def gradient(x: dict[str, Tensor] = x) -> None:
            leaf = x["inputs_embeds"].clone().requires_grad_()
            torch.autograd.grad(model(inputs_embeds=leaf).logits[:, 0].sum(), leaf)

        ours, plain = seconds(lambda x=x: explain(x, 0), gradient)
        yield f"time, 6 layers of 768, batch 2, {length:4} tokens: {ours:.2f} s, {ours / plain:.2f} x the gradient"


def making() -> Iterator[str]:
    for name, model in (("BERT, 12 layers of 768", bert(12, 768, 12)), ("Llama, 24 layers of 256", llama(24, 256, 4))):
        start, elapsed = time.process_time(), time.perf_counter()
        made(model, {"input_ids": torch.randint(5, WORDS, (1, 16))})
        processor, elapsed = time.process_time() - start, time.perf_counter() - elapsed
        yield f"making an explainer, {name}: {processor:.1f} s of processor time, {elapsed:.1f} s elapsed"


def generation() -> Iterator[str]:
    model = llama(6, 512, 8)
    ids = torch.randint(5, WORDS, (1, 60))
    explain = made(model, {"input_ids": ids})
    x = embeds(model, 1, 59)

    def gradient() -> None:
        leaf = x["inputs_embeds"].clone().requires_grad_()
        torch.autograd.grad(model(inputs_embeds=leaf).logits[0, -1, 0], leaf)

    ours, plain = seconds(lambda: lrp.generated(explain, ids, 40), gradient, rounds=3)
    yield f"20 generated tokens of 60: {ours:.2f} s, a forward and backward pass {plain:.2f} s, {ours / plain:.1f} x"


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "memory": memory, "thrift": thrift, "speed": speed, "making": making, "generation": generation
}  # fmt: skip


def run(names: Sequence[str]) -> Iterator[str]:
    """A line a measurement."""
    for name in names or PARTS:
        yield from PARTS[name]()
