"""Renders videos once and stores their latents and sentences. Needs `vae_described.pt`.

    python training/encode_motion.py

Writes `motion.pt` to the work folder: each frame's posterior mean, (count, 8, 4, 16, 16), and T5 tokens.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from shapes.dataset import TRAIN_SEED
from shapes.motion import FRAMES, render_motion
from text.motion import motion_tokenizer
from text.vocabulary import LENGTH
from tqdm import tqdm
from vae_model import load_vae

HERE = Path(__file__).parent
AT_ONCE = 12  # videos


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--vae", default="vae_described.pt")
    parser.add_argument("--count", type=int, default=12_000)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


@torch.no_grad()
def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    vae, tokenizer = load_vae(args.work / args.vae), motion_tokenizer()
    began = time.time()
    means = torch.empty(args.count, FRAMES, 4, 16, 16, dtype=torch.float16)
    tokens = torch.empty(args.count, LENGTH, dtype=torch.int16)
    for start in tqdm(range(0, args.count, AT_ONCE), mininterval=10):
        part = slice(start, min(start + AT_ONCE, args.count))
        videos, descriptions = render_motion(TRAIN_SEED, start, part.stop - start)
        with torch.autocast("cpu", torch.bfloat16):
            latents = vae.encode(videos.flatten(0, 1)).latent_dist.mean
        means[part] = latents.unflatten(0, videos.shape[:2])
        captions = [description.caption for description in descriptions]
        padded = tokenizer(captions, padding="max_length", max_length=LENGTH, return_tensors="pt")
        tokens[part] = padded.input_ids
    torch.save({"mean": means, "t5": tokens}, args.work / "motion.pt")
    print(f"{time.time() - began:.0f} s, spread {means.float().std():.3f}")


if __name__ == "__main__":
    main()
