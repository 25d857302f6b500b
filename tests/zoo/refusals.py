"""What foretrace does not do yet for which class, with a pattern of the error that says so."""

from __future__ import annotations

KINDS = ("model", "stack")
_TIMELESS = ("T5FilmDecoder", "Cosmos3OmniTransformer", "RFD4ProteinaTransformer")

REFUSED: dict[tuple[str, str], str] = {
    # Their times are decoder_noise_time; vision_timesteps and others; bb_ca_time and local_latents_time.
    **{(name, kind): "takes no time argument" for name in _TIMELESS for kind in KINDS},
    # Its two transformers run side by side, each with a list of blocks inside a list.
    ("DualTransformer2DModel", "stack"): "no stack of transformer blocks",
    ("UNet2DConditionModel", "stack"): "no stack of transformer blocks: its skip connections",
}

_LENGTHS = "_local_scalar_dense"  # a length, an offset or a condition is read out of a tensor
_PLACES = "nonzero"  # a boolean mask picks tokens

NOT_COUNTED: dict[str, str] = {
    "BriaFibo2Transformer2DModel": _LENGTHS,
    "HunyuanVideo15Transformer3DModel": _LENGTHS,
    "HunyuanVideoFramepackTransformer3DModel": _LENGTHS,
    "Lumina2Transformer2DModel": _LENGTHS,
    "OmniGenTransformer2DModel": _LENGTHS,
    "WanAnimate2Transformer3DModel": _LENGTHS,
    "GlmImageTransformer2DModel": _PLACES,
    "MochiTransformer3DModel": _PLACES,
    "QwenImage21Transformer2DModel": "repeat_interleave",  # every image slot of the text is four tokens
    # mixtures of experts: how many tokens an expert gets
    "HiDreamImageTransformer2DModel": "bincount",
    "NucleusMoEImageTransformer2DModel": _LENGTHS,
    # no rule for fake tensors
    "AnyFlowFARTransformer3DModel": "flex_attention",
    "Kandinsky6SRTransformer3DModel": "flex_attention",
}
