"""The classes whose calls cannot be counted without data, with a pattern of the error that says why."""

from __future__ import annotations

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
