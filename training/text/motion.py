"""The T5 that reads videos' sentences: the pictures' T5 with a few more words."""

from __future__ import annotations

from pathlib import Path

import torch
from shapes.motion import MOTIONS
from transformers import T5EncoderModel, T5Tokenizer

from .encoders import build_t5
from .vocabulary import LENGTH, words


def motion_tokenizer() -> T5Tokenizer:
    """As `t5_tokenizer`, with the words of motion after all others: known words keep their numbers."""
    known = words()
    new = sorted({word for phrase in MOTIONS for word in phrase.split()} - set(known))
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -20.0)]
    pieces += [(f"▁{word}", -1.0) for word in known + new]
    return T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=LENGTH)


def build_motion_t5(start: dict[str, torch.Tensor] | None = None) -> T5EncoderModel:
    """The encoder; `start` holds the weights of the pictures' T5."""
    model = build_t5()
    if start is not None:
        model.load_state_dict(start)
    model.resize_token_embeddings(len(motion_tokenizer()), mean_resizing=False)
    return model


def load_motion_t5(path: Path) -> T5EncoderModel:
    """The encoder from `train_motion_text.py`, in eval mode."""
    model = build_motion_t5()
    model.load_state_dict(torch.load(path))
    return model.eval().requires_grad_(False)
