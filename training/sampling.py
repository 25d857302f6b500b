"""Pictures from the stock pipeline, and how many of them the judge agrees with."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL, DiTPipeline
from diffusion_loss import build_scheduler
from dit_model import build_dit, full_state
from shapes import CLASS_NAMES
from torch import Tensor


def build_pipeline(state: dict[str, Tensor], vae: AutoencoderKL, shape: dict[str, int]) -> DiTPipeline:
    """The stock pipeline around trained weights (thirteen label rows) and the autoencoder."""
    transformer = build_dit(**shape)
    missing = transformer.load_state_dict(full_state(state), strict=False)
    if missing.missing_keys or missing.unexpected_keys:
        raise ValueError(f"weights do not fit the model: {missing}")
    names = dict(enumerate(CLASS_NAMES))
    pipe = DiTPipeline(transformer.eval(), vae, build_scheduler(), id2label=names)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def generate(
    pipe: DiTPipeline, labels: list[int], guidance: float, steps: int, seed: int, batch: int = 50
) -> Tensor:
    """One picture per label: (count, 3, 64, 64) in [0, 1], picture i from generator seed + i."""
    pictures = []
    for start in range(0, len(labels), batch):
        part = labels[start : start + batch]
        generators = [torch.Generator().manual_seed(seed + start + i) for i in range(len(part))]
        output = pipe(part, guidance, generators, steps, output_type="np").images
        pictures.append(torch.from_numpy(output).permute(0, 3, 1, 2))
    return torch.cat(pictures)


def score(judge: torch.nn.Module, images: Tensor, labels: list[int]) -> dict:
    """Share of pictures the judge names as asked, overall and per class, and its mix-ups."""
    asked = torch.tensor(labels)
    named = judge.predict(images)
    right = named == asked
    per_class = {
        name: round(right[asked == i].float().mean().item(), 4)
        for i, name in enumerate(CLASS_NAMES)
        if (asked == i).any()
    }
    mixups: dict[str, int] = {}
    for a, n in zip(asked[~right].tolist(), named[~right].tolist(), strict=True):
        pair = f"{CLASS_NAMES[a]} seen as {CLASS_NAMES[n]}"
        mixups[pair] = mixups.get(pair, 0) + 1
    return {
        "accuracy": round(right.float().mean().item(), 4),
        "per_class": per_class,
        "mixups": dict(sorted(mixups.items(), key=lambda item: -item[1])),
    }
