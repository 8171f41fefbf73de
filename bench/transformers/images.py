"""`images`: models of timm, with random weights and not a line of code for one of them, as `families` has them of
Hugging Face: finite, the audit closed, another batch without a new trace."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

import lrp
from bench.networks import awaken
from bench.transformers.checks import CLOSED, OFF, Row, strongest
from bench.zoo.families import SIZE, takes
from lrp._torchvision import torchvision
from lrp.composites import attn_lrp
from lrp.explain.target import seed_of

MODELS = (
    "vit_tiny_patch16_224 deit_tiny_patch16_224 deit3_small_patch16_224 beit_base_patch16_224 beitv2_base_patch16_224 "
    "eva02_tiny_patch14_224 vit_relpos_small_patch16_224 vit_small_patch14_dinov2 vit_small_patch16_dinov3 "
    "swin_tiny_patch4_window7_224 swinv2_tiny_window8_256 mobilevit_xxs mobilevitv2_050 maxvit_tiny_tf_224 "
    "maxxvit_rmlp_nano_rw_256 convnext_atto convnextv2_atto efficientnetv2_rw_t nfnet_f0 eca_nfnet_l0 levit_128s "
    "pvt_v2_b0 coat_tiny coatnet_nano_rw_224 efficientformer_l1 efficientformerv2_s0 cait_xxs24_224 "
    "xcit_nano_12_p8_224 crossvit_tiny_240 twins_svt_small poolformer_s12 mixer_s16_224 gmixer_24_224 resmlp_12_224 "
    "gmlp_s16_224 edgenext_xx_small fastvit_t8 volo_d1_224 tnt_s_patch16_224 visformer_tiny davit_tiny "
    "focalnet_tiny_srf hiera_tiny_224 tiny_vit_5m_224 mvitv2_tiny nest_tiny vit_base_patch16_siglip_224 "
    "samvit_base_patch16_224 convit_tiny mobilenetv4_conv_small mobilenetv4_hybrid_medium repvit_m0_9 "
    "inception_next_atto ghostnetv2_100 sequencer2d_s botnet26t_256 halonet26t lambda_resnet26t "
    "lambda_resnet26rpt_256 resnetv2_50 regnetz_b16 tf_efficientnet_b0 mambaout_femto metaformer caformer_s18 "
    "rdnet_tiny starnet_s1 hgnetv2_b0 vit_pe_core_tiny_patch16_384 naflexvit_base_patch16_gap nextvit_small "
    "swiftformer_xs shvit_s1 efficientvit_b0 efficientvit_m0 selecsls42 dla34 hrnet_w18_small"
).split()
EPSILON = {torch.float32: 1e-9, torch.float64: 1e-12}
VERDICTS = ("right", "wrong", "failed", "unknown")


def built(timm: Any, name: str) -> tuple[nn.Module, list[int]]:
    """A model that behaves like a trained one, and the size of its images: small where it takes any."""
    torch.manual_seed(0)
    model = timm.create_model(name, pretrained=False).eval().requires_grad_(False)
    for path, weight in model.named_parameters():
        if weight.ndim == 1 and path.endswith("weight") and not weight.any():
            weight.fill_(1.0)  # a norm behind a block that begins as nothing
    config = model.pretrained_cfg
    whole: list[int] = list(config["input_size"])
    least: list[int] = list(config.get("min_input_size") or (whole[0], SIZE, SIZE))
    size: list[int] = whole if config.get("fixed_input_size") or not takes(model, least) else least
    awaken(model, torch.rand(4, *size))
    return model, size


def checked(model: nn.Module, size: Sequence[int], dtype: torch.dtype) -> tuple[bool, str]:
    """A batch of 3 explained with `attn_lrp` by a trace of 2: whether all is right, and the numbers."""
    model = model.to(dtype)
    torch.manual_seed(0)
    explain = lrp.explainer(model, torch.rand(2, *size, dtype=dtype), attn_lrp(epsilon=EPSILON[dtype]))
    x = torch.rand(3, *size, dtype=dtype)
    with torch.no_grad():
        wanted = model(x)
    output, relevance = explain(x, strongest)
    account = lrp.audit(explain.program, explain.weights, x, seed_of(output, strongest))
    off = float((output - wanted).abs().max() / wanted.abs().max())
    residual = float((abs(account.residual) / account.scale).max())
    finite = bool(relevance.isfinite().all()) and bool(relevance.any())
    right = finite and residual <= CLOSED[dtype] and off <= OFF[dtype]
    said = f"output {off:.0e}, audit {residual:.0e}"
    return right, said + ("" if finite else ", not finite or nothing")


def measure(timm: Any, name: str, dtype: torch.dtype) -> Row:
    if not timm.is_model(name):
        return Row(name, "unknown", "not a model of this timm", 0.0)
    start = time.perf_counter()
    try:
        model, size = built(timm, name)
        right, said = checked(model, size, dtype)
    except Exception as error:
        return Row(
            name, "failed", f"{type(error).__name__}: {error}"[:300].replace("\n", " "), time.perf_counter() - start
        )
    finally:
        gc.collect()
    return Row(name, "right" if right else "wrong", said, time.perf_counter() - start)


def run(names: Sequence[str], dtype: torch.dtype) -> Iterator[str]:
    """A line a model, and the count."""
    torchvision()  # also where its operators do not load; timm imports it
    import timm  # pyright: ignore[reportMissingImports]

    rows = []
    for name in names or MODELS:
        rows.append(measure(timm, name, dtype))
        yield str(rows[-1])
    count = Counter(row.verdict for row in rows)
    yield f"{len(rows)} models of timm in {dtype}: " + ", ".join(f"{count[v]} {v}" for v in VERDICTS if count[v])
