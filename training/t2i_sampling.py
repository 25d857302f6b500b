"""shapes-t2i as a stock pipeline, and pictures from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from described_judge import described_score
from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, PixArtAlphaPipeline
from grid import save_grid
from shapes.captions import Description, sample_description
from shapes.dataset import HELD_OUT_SEED
from t2i_model import build_pixart
from text.frozen import load_encoders
from text.vocabulary import t5_tokenizer
from torch import Tensor
from transformers import T5EncoderModel
from vae_model import load_vae

GUIDANCE, STEPS = 3.5, 20


def build_scheduler() -> DPMSolverMultistepScheduler:
    """DPM-Solver++ of order 2, as the published PixArt-alpha pipeline has it."""
    return DPMSolverMultistepScheduler(
        num_train_timesteps=1000,
        beta_start=1e-4,
        beta_end=2e-2,
        beta_schedule="linear",
        algorithm_type="dpmsolver++",
        solver_order=2,
        prediction_type="epsilon",
        timestep_spacing="linspace",
    )


def build_pipeline(state: dict[str, Tensor], vae: AutoencoderKL, t5: T5EncoderModel) -> PixArtAlphaPipeline:
    """The stock pipeline around trained weights."""
    model = build_pixart()
    missing = model.load_state_dict(state, strict=False)
    if missing.missing_keys or missing.unexpected_keys:
        raise ValueError(f"weights do not fit the model: {missing}")
    pipe = PixArtAlphaPipeline(t5_tokenizer(), t5, vae, model.eval(), build_scheduler())
    pipe.set_progress_bar_config(disable=True)
    return pipe


def held_out(count: int) -> list[Description]:
    """Sentences that no training picture was drawn for."""
    import numpy as np

    return [sample_description(np.random.default_rng((HELD_OUT_SEED, i))) for i in range(count)]


def generate(pipe: PixArtAlphaPipeline, captions: list[str], seed: int, batch: int = 50) -> Tensor:
    """One picture per caption: (count, 3, 64, 64) in [0, 1], picture i from generator seed + i."""
    pictures = []
    for start in range(0, len(captions), batch):
        part = captions[start : start + batch]
        output = pipe(
            part,
            guidance_scale=GUIDANCE,
            num_inference_steps=STEPS,
            generator=[torch.Generator().manual_seed(seed + start + i) for i in range(len(part))],
            use_resolution_binning=False,
            clean_caption=False,
            max_sequence_length=20,
            output_type="pt",
        )
        pictures.append(output.images)
    return torch.cat(pictures)


def report(work: Path, sheet: Path) -> Callable[[dict[str, Tensor], int], dict[str, float]]:
    """Scores 120 held-out sentences and saves their pictures as a sheet."""
    vae, (t5, _) = load_vae(work / "vae_described.pt"), load_encoders(work / "text.pt")
    descriptions = held_out(120)

    def scores(state: dict[str, Tensor], step: int) -> dict[str, float]:
        pipe = build_pipeline(state, vae, t5)
        images = generate(pipe, [one.caption for one in descriptions], seed=10_000, batch=60)
        save_grid(images * 2 - 1, 15, sheet)
        return described_score(images, descriptions)

    return scores
