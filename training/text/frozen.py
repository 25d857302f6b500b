"""The trained text encoders, frozen, as a training loop uses them."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from transformers import CLIPTextModel, T5EncoderModel

from .encoders import build_clip, build_t5
from .vocabulary import LENGTH, clip_tokenizer, t5_tokenizer

PAD, END = 0, 1  # of the T5 vocabulary


def load_encoders(path: Path) -> tuple[T5EncoderModel, CLIPTextModel]:
    """Both encoders from `train_text.py`, in eval mode."""
    state = torch.load(path)
    t5, clip = build_t5(), build_clip()
    t5.load_state_dict(state["t5"])
    clip.load_state_dict(state["clip"])
    return t5.eval().requires_grad_(False), clip.eval().requires_grad_(False)


def empty_tokens() -> dict[str, Tensor]:
    """The tokens of the empty sentence, (LENGTH,) each: what guidance steers away from."""
    options = {"padding": "max_length", "max_length": LENGTH, "return_tensors": "pt"}
    return {
        "t5": t5_tokenizer()([""], **options).input_ids[0],
        "clip": clip_tokenizer()([""], **options).input_ids[0],
    }
