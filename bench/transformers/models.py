"""Small random models of the families of Hugging Face, as the package writes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from lrp import composites
from lrp._torchvision import torchvision

torchvision()  # transformers imports it, which fails where its operators do not load
import transformers  # noqa: E402  # pyright: ignore[reportMissingImports]

hf: Any = transformers

VOCABULARY = 100
SIZES: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
WORDS: dict[str, Any] = {"vocab_size": VOCABULARY, "max_position_embeddings": 64}
ENDS: dict[str, Any] = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
PATCHES: dict[str, Any] = {"image_size": 32, "patch_size": 8, "num_labels": 5}
Inputs = dict[str, Tensor]


@dataclass(frozen=True)
class Family:
    """A model, inputs of a batch and a length, and which output is explained.

    free: Whether the length of its inputs may vary.
    rows: What it is explained with, given epsilon.
    """

    make: Callable[[], nn.Module]
    inputs: Callable[[int, int], Inputs]
    output: str = "logits"
    free: bool = True
    rows: Callable[..., composites.Composite] = composites.attn_lrp

    def built(self, dtype: torch.dtype = torch.float64) -> nn.Module:
        """The model with weights N(0, 1/n) and biases N(0, .1), or its values would vanish beside its biases."""
        torch.manual_seed(0)
        model: Any = self.make().eval()
        with torch.no_grad():
            for name, weight in model.named_parameters():
                if weight.ndim > 1 and "A_log" not in name:
                    weight.normal_(std=max(1, weight[0].numel()) ** -0.5)
                elif name.endswith("bias") and "dt_" not in name:
                    weight.normal_(std=0.1)
        if dtype == torch.float64 and hasattr(model, "set_experts_implementation"):
            model.set_experts_implementation("batched_mm")  # grouped products know no doubles
        for weight in model.parameters():
            weight.requires_grad_(False)
        return model.to(dtype)

    def example(self, batch: int, length: int, dtype: torch.dtype = torch.float64) -> Inputs:
        torch.manual_seed(batch + length)
        given = self.inputs(batch, length)
        return {name: value.to(dtype) if value.is_floating_point() else value for name, value in given.items()}


def ids(batch: int, length: int) -> Tensor:
    return torch.randint(5, VOCABULARY, (batch, length))


def text(
    name: str, config: str, *, output: str = "logits", implementation: str | None = None, **options: Any
) -> Family:
    """A model of tokens; `config` is the name of its configuration, `options` what it is given."""

    def make() -> nn.Module:
        made = getattr(hf, config)(**options)
        if implementation is not None:
            made._attn_implementation = implementation
        return getattr(hf, name)(made)

    return Family(make, lambda batch, length: {"input_ids": ids(batch, length)}, output)


def encoder(
    prefix: str, head: str = "ForSequenceClassification", *, config: str | None = None, **options: Any
) -> Family:
    return text(prefix + head, config or f"{prefix}Config", **{**SIZES, **WORDS, "num_labels": 3, **options})


def decoder(prefix: str, head: str = "ForCausalLM", *, config: str | None = None, **options: Any) -> Family:
    given = {**SIZES, **WORDS, "num_key_value_heads": 2, **ENDS, **options}
    return text(prefix + head, config or f"{prefix}Config", **given)


def masked(family: Family) -> Family:
    """The same with a mask, which has some tokens left out."""

    def inputs(batch: int, length: int) -> Inputs:
        mask = torch.ones(batch, length, dtype=torch.long)
        mask[0, length // 2 :] = 0
        return family.inputs(batch, length) | {"attention_mask": mask}

    return Family(family.make, inputs, family.output)


def image(name: str, config: str, *, output: str = "logits", **options: Any) -> Family:
    return Family(
        lambda: getattr(hf, name)(getattr(hf, config)(**options)),
        lambda batch, _: {"pixel_values": torch.randn(batch, 3, 32, 32)},
        output,
        free=False,
    )


def vision(prefix: str, **options: Any) -> Family:
    return image(f"{prefix}ForImageClassification", f"{prefix}Config", **{"num_labels": 5, **options})


def sound(name: str) -> Family:
    convolutions = {"conv_dim": [16, 16], "conv_stride": [5, 2], "conv_kernel": [10, 3], "num_feat_extract_layers": 2}
    positions = {"num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4, "classifier_proj_size": 8}
    options = {**SIZES, **convolutions, **positions, "apply_spec_augment": False}
    return Family(
        lambda: getattr(hf, f"{name}ForSequenceClassification")(getattr(hf, f"{name}Config")(**options)),
        lambda batch, _: {"input_values": torch.randn(batch, 400)},
        free=False,
    )


def translated(name: str, config: str, **options: Any) -> Family:
    """Encoder and decoder; both read tokens, of lengths of their own."""
    return Family(
        lambda: getattr(hf, name)(getattr(hf, config)(**{"use_cache": False, **options})),
        lambda batch, length: {"input_ids": ids(batch, length), "decoder_input_ids": ids(batch, length)},
    )


SEVERAL: dict[str, Any] = {
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
}
BOTH: dict[str, Any] = {"d_model": 32, **SEVERAL, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64}
T5: dict[str, Any] = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4, "vocab_size": VOCABULARY}
GPT2: dict[str, Any] = {"n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": VOCABULARY, "n_positions": 64, **ENDS}
EXPERTS: dict[str, Any] = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "head_dim": 8}
SSM: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "vocab_size": VOCABULARY, "use_cache": False, **ENDS}
WINDOWS: dict[str, Any] = {
    "image_size": 32,
    "patch_size": 2,
    "embed_dim": 16,
    "depths": [2, 2],
    "num_heads": [2, 4],
    "window_size": 4,
}
DINO: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, **PATCHES}
STAGES: dict[str, Any] = {
    "depths": [1, 1],
    "sr_ratios": [4, 1],
    "hidden_sizes": [16, 32],
    "patch_sizes": [7, 3],
    "strides": [4, 2],
}
SEGFORMER: dict[str, Any] = {"num_encoder_blocks": 2, **STAGES, "num_attention_heads": [1, 2], "mlp_ratios": [2, 2]}
CONVNEXT: dict[str, Any] = {"hidden_sizes": [8, 16, 16, 32], "depths": [1, 1, 1, 1]}
VISUAL: dict[str, Any] = {**SIZES, "image_size": 32, "patch_size": 8, "projection_dim": 16}


def _clip() -> Family:
    def inputs(batch: int, length: int) -> Inputs:
        del length
        tokens = ids(1, 8)
        tokens[:, -1] = 2
        pixels = torch.randn(batch, 3, 32, 32)
        return {"input_ids": tokens.expand(batch, -1).contiguous(), "pixel_values": pixels}

    def make() -> nn.Module:
        written = {**SIZES, **WORDS, **ENDS, "projection_dim": 16}
        return hf.CLIPModel(hf.CLIPConfig(text_config=written, vision_config=VISUAL, projection_dim=16))

    return Family(make, inputs, "logits_per_image", free=False)


def _rwkv() -> Family:
    """Its keys held, as MambaLRP holds what makes the weights of a state: the running maximum of the keys is taken from
    them, so that some are exactly zero and have no share that could be told."""
    made = text("RwkvForCausalLM", "RwkvConfig", context_length=64, **SSM)
    return replace(made, rows=partial(composites.mamba_lrp, selective="*attention.key"))


def _whisper() -> Family:
    heard = {**BOTH, "num_mel_bins": 8, "max_source_positions": 30, "vocab_size": VOCABULARY, **ENDS}
    config = hf.WhisperConfig(**heard, num_labels=5, classifier_proj_size=8)
    return Family(
        lambda: hf.WhisperForAudioClassification(config),
        lambda batch, _: {"input_features": torch.randn(batch, 8, 60)},
        free=False,
    )


def _spectrogram() -> Family:
    config = hf.ASTConfig(**SIZES, patch_size=8, frequency_stride=8, time_stride=8, max_length=32, num_mel_bins=16)
    return Family(
        lambda: hf.ASTForAudioClassification(config),
        lambda batch, _: {"input_values": torch.randn(batch, 32, 16)},
        free=False,
    )


FAMILIES: dict[str, Family] = {
    "bert": encoder("Bert"),
    "bert, masked": masked(encoder("Bert")),
    "bert, eager": encoder("Bert", implementation="eager"),
    "bert, tokens": encoder("Bert", "ForMaskedLM"),
    "distilbert": text("DistilBertForSequenceClassification", "DistilBertConfig", dim=32, n_layers=2, n_heads=4,
                       hidden_dim=64, **WORDS),
    "roberta": encoder("Roberta"),
    "electra": encoder("Electra", embedding_size=32),
    "albert": encoder("Albert", embedding_size=16),
    "deberta-v2": encoder("DebertaV2", relative_attention=True, pos_att_type=["c2p", "p2c"], position_buckets=16),
    "modernbert": encoder("ModernBert", local_attention=8, cls_token_id=1, sep_token_id=2, **ENDS),
    "mpnet": encoder("MPNet"),
    "gpt2": text("GPT2LMHeadModel", "GPT2Config", **GPT2),
    "gpt2, classifier": text("GPT2ForSequenceClassification", "GPT2Config", **GPT2),
    "gpt-neox": text("GPTNeoXForCausalLM", "GPTNeoXConfig", **SIZES, **WORDS, **ENDS),
    "opt": text("OPTForCausalLM", "OPTConfig", **{**SIZES, **WORDS}, ffn_dim=64, word_embed_proj_dim=32),
    "bloom": text("BloomForCausalLM", "BloomConfig", hidden_size=32, n_layer=2, n_head=4, vocab_size=VOCABULARY),
    "phi3": decoder("Phi3"),
    "llama": decoder("Llama"),
    "llama, classifier": decoder("Llama", "ForSequenceClassification"),
    "qwen2": decoder("Qwen2"),
    "qwen3": decoder("Qwen3", head_dim=8),
    "mistral": decoder("Mistral", sliding_window=8),
    "gemma2": decoder("Gemma2", head_dim=8),
    "gemma3": decoder("Gemma3", config="Gemma3TextConfig", head_dim=8, sliding_window=8),
    "olmo2": decoder("Olmo2"),
    "mixtral": decoder("Mixtral", num_local_experts=4, num_experts_per_tok=2),
    "qwen3-moe": decoder("Qwen3Moe", **EXPERTS),
    "qwen3-moe, normed": decoder("Qwen3Moe", norm_topk_prob=True, **EXPERTS),
    "mamba": text("MambaForCausalLM", "MambaConfig", state_size=4, use_mambapy=False, **SSM),
    "mamba2": text("Mamba2ForCausalLM", "Mamba2Config", state_size=8, num_heads=8, head_dim=8, n_groups=1,
                   chunk_size=8, **SSM),
    "rwkv": _rwkv(),
    "t5, encoder": text("T5EncoderModel", "T5Config", output="last_hidden_state", **T5),
    "t5, gated": text("T5EncoderModel", "T5Config", output="last_hidden_state", feed_forward_proj="gated-gelu", **T5),
    "t5": translated("T5ForConditionalGeneration", "T5Config", decoder_start_token_id=0, **T5),
    "bart": translated("BartForConditionalGeneration", "BartConfig", **BOTH, **WORDS, **ENDS, decoder_start_token_id=2),
    "vit": vision("ViT", **SIZES, **PATCHES),
    "deit": vision("DeiT", **SIZES, **PATCHES),
    "beit": vision("Beit", **SIZES, **PATCHES),
    "swin": vision("Swin", **WINDOWS),
    "swinv2": vision("Swinv2", **WINDOWS),
    "clip, images": image("CLIPVisionModelWithProjection", "CLIPVisionConfig", output="image_embeds", **VISUAL),
    "clip": _clip(),
    "siglip": image("SiglipVisionModel", "SiglipVisionConfig", output="pooler_output", **SIZES, image_size=32,
                    patch_size=8),
    "dinov2": vision("Dinov2", **DINO),
    "dinov2, gated": vision("Dinov2", use_swiglu_ffn=True, **DINO),
    "segformer": vision("Segformer", **SEGFORMER),
    "segformer, places": image("SegformerForSemanticSegmentation", "SegformerConfig", decoder_hidden_size=16,
                               num_labels=5, **SEGFORMER),
    "convnext": vision("ConvNext", **CONVNEXT),
    "convnextv2": vision("ConvNextV2", **CONVNEXT),
    "resnet": vision("ResNet", embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1]),
    "wav2vec2": sound("Wav2Vec2"),
    "hubert": sound("Hubert"),
    "ast": _spectrogram(),
    "whisper": _whisper(),
}  # fmt: skip
"""The 54 families that are counted, by name."""
