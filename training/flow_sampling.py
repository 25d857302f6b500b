"""shapes-flow as a stock pipeline, and pictures from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from described_judge import described_score
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxPipeline
from flow_model import build_flux
from grid import save_grid
from t2i_sampling import held_out
from text.frozen import load_encoders
from text.vocabulary import LENGTH, clip_tokenizer, t5_tokenizer
from torch import Tensor
from transformers import CLIPTextModel, T5EncoderModel
from vae_model import load_vae

GUIDANCE, STEPS, SHIFT = 3.0, 28, 3.0


def build_pipeline(
    state: dict[str, Tensor], vae: AutoencoderKL, t5: T5EncoderModel, clip: CLIPTextModel
) -> FluxPipeline:
    """The stock pipeline around trained weights."""
    model = build_flux()
    model.load_state_dict(state)
    vae.register_to_config(shift_factor=0.0)  # this pipeline adds it and knows no "none"
    scheduler = FlowMatchEulerDiscreteScheduler(shift=SHIFT, use_dynamic_shifting=False)
    pipe = FluxPipeline(
        scheduler=scheduler,
        vae=vae,
        text_encoder=clip,
        tokenizer=clip_tokenizer(),
        text_encoder_2=t5,
        tokenizer_2=t5_tokenizer(),
        transformer=model.eval(),
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def generate(pipe: FluxPipeline, captions: list[str], seed: int, batch: int = 50) -> Tensor:
    """One picture per caption: (count, 3, 64, 64) in [0, 1], picture i from generator seed + i."""
    pictures = []
    for start in range(0, len(captions), batch):
        part = captions[start : start + batch]
        output = pipe(
            part,
            negative_prompt=[""] * len(part),
            true_cfg_scale=GUIDANCE,
            height=64,
            width=64,
            num_inference_steps=STEPS,
            generator=[torch.Generator().manual_seed(seed + start + i) for i in range(len(part))],
            max_sequence_length=LENGTH,
            output_type="pt",
        )
        pictures.append(output.images)
    return torch.cat(pictures)


def report(work: Path, sheet: Path) -> Callable[[dict[str, Tensor], int], dict[str, float]]:
    """Scores 120 held-out sentences and saves their pictures as a sheet."""
    vae, (t5, clip) = load_vae(work / "vae_described.pt"), load_encoders(work / "text.pt")
    descriptions = held_out(120)

    def scores(state: dict[str, Tensor], step: int) -> dict[str, float]:
        pipe = build_pipeline(state, vae, t5, clip)
        images = generate(pipe, [one.caption for one in descriptions], seed=10_000, batch=60)
        save_grid(images * 2 - 1, 15, sheet)
        return described_score(images, descriptions)

    return scores
