"""The classes whose calls cannot be counted without data, with a pattern of the error that says why."""

from __future__ import annotations

NOT_COUNTED: dict[str, str] = {
    "HunyuanVideo15Transformer3DModel": r"transformer_hunyuan_video15\.py:\d+ \(if is_t2v:\)",
}
