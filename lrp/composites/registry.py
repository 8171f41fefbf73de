"""Every composite by its name: what the commands take."""

from __future__ import annotations

from collections.abc import Callable

from lrp.composites import presets, transformers
from lrp.composites.table import Composite

COMPOSITES: dict[str, Callable[..., Composite]] = {
    make.__name__: make
    for make in (
        presets.epsilon_gamma_box,
        presets.epsilon_plus,
        presets.epsilon_plus_flat,
        presets.epsilon_alpha2_beta1,
        presets.epsilon_alpha2_beta1_flat,
        presets.excitation_backprop,
        presets.guided_backprop,
        presets.deconvnet,
        presets.beta_smooth,
        transformers.attn_lrp,
        transformers.cp_lrp,
        transformers.rel_p,
        transformers.mamba_lrp,
        transformers.vit_cp_gamma,
    )
}
