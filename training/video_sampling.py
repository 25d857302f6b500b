"""shapes-video as a stock pipeline, and videos from it.

    python training/video_sampling.py --count 100 --guidance 3 4

scores the averaged weights of a run's checkpoint on held-out sentences.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, LattePipeline
from diffusion_loss import build_scheduler
from grid import save_grid
from motion_judge import motion_score
from shapes.dataset import HELD_OUT_SEED
from shapes.motion import FRAMES, MotionDescription, sample_motion
from shapes.scene import SIZE
from text.motion import load_motion_t5, motion_tokenizer
from torch import Tensor
from transformers import T5EncoderModel
from vae_model import load_vae
from video_model import build_latte, use_fast_attention

HERE = Path(__file__).parent
GUIDANCE, STEPS = 4.0, 30
ON_SHEET = 12  # videos


def build_pipeline(state: dict[str, Tensor], vae: AutoencoderKL, t5: T5EncoderModel) -> LattePipeline:
    """The stock pipeline around trained weights."""
    model = build_latte()
    missing = model.load_state_dict(state, strict=False)
    if missing.missing_keys or missing.unexpected_keys:
        raise ValueError(f"weights do not fit the model: {missing}")
    pipe = LattePipeline(motion_tokenizer(), t5, vae, model.eval(), build_scheduler())
    pipe.set_progress_bar_config(disable=True)
    return pipe


def held_out(count: int) -> list[MotionDescription]:
    """Sentences that no training video was drawn for."""
    return [sample_motion(np.random.default_rng((HELD_OUT_SEED, i))) for i in range(count)]


def generate(
    pipe: LattePipeline, captions: list[str], seed: int, batch: int = 12, guidance: float = GUIDANCE
) -> Tensor:
    """One video per caption: (count, 8, 3, 64, 64) in [0, 1], video i from generator seed + i."""
    videos = []
    for start in range(0, len(captions), batch):
        part = captions[start : start + batch]
        output = pipe(
            part,
            guidance_scale=guidance,
            num_inference_steps=STEPS,
            generator=[torch.Generator().manual_seed(seed + start + i) for i in range(len(part))],
            video_length=FRAMES,  # the stock defaults are those of a larger model
            height=SIZE,
            width=SIZE,
            clean_caption=False,
            output_type="pt",
        )
        videos.append(output.frames)
    return torch.cat(videos)


def report(
    vae_path: Path, t5: T5EncoderModel, count: int, sheet: Path
) -> Callable[[dict[str, Tensor], int], dict[str, float]]:
    """Scores `count` held-out sentences and saves the first videos as a sheet, a row each.

    In training's number format and with its attention, which halves the time; colours differ by half a
    percent.
    """
    vae, descriptions = load_vae(vae_path), held_out(count)

    def scores(state: dict[str, Tensor], step: int) -> dict[str, float]:
        pipe = build_pipeline(state, vae, t5)
        use_fast_attention(pipe.transformer)
        with torch.autocast("cpu", torch.bfloat16):
            videos = generate(pipe, [one.caption for one in descriptions], seed=10_000)
        save_grid(videos[:ON_SHEET].flatten(0, 1) * 2 - 1, FRAMES, sheet)
        return motion_score(videos, descriptions)

    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--name", default="video")
    parser.add_argument("--vae", default="vae_described.pt")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--batch", type=int, default=12, help="1 shows the model no filled-up sentences")
    parser.add_argument("--guidance", type=float, nargs="+", default=[GUIDANCE])
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    t5, vae = load_motion_t5(args.work / "text_motion.pt"), load_vae(args.work / args.vae)
    pipe = build_pipeline(torch.load(args.work / f"{args.name}.pt", mmap=True)["ema"], vae, t5)
    descriptions = held_out(args.count)
    for guidance in args.guidance:
        videos = generate(pipe, [one.caption for one in descriptions], 50_000, args.batch, guidance)
        sheet = args.results / f"{args.name}_guidance_{guidance:g}.png"
        save_grid(videos[:ON_SHEET].flatten(0, 1) * 2 - 1, FRAMES, sheet)
        scores = motion_score(videos, descriptions)
        print(f"guidance {guidance:g}: " + ", ".join(f"{key} {value:.4f}" for key, value in scores.items()))


if __name__ == "__main__":
    main()
