"""Renders described scenes once and stores their latents and captions. Needs `vae_described.pt`.

    python training/encode_described.py

Writes `described.pt` to the work folder: posterior means (the spread, 0.01, is left out) and the tokens of
both tokenizers.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from shapes.dataset import TRAIN_SEED
from shapes.described import render_described
from text.vocabulary import LENGTH, clip_tokenizer, t5_tokenizer
from tqdm import tqdm
from vae_model import load_vae

HERE = Path(__file__).parent


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--count", type=int, default=120_000)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


@torch.no_grad()
def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    vae = load_vae(args.work / "vae_described.pt")
    tokenizers = {"t5": t5_tokenizer(), "clip": clip_tokenizer()}
    began = time.time()
    means = torch.empty(args.count, 4, 16, 16, dtype=torch.float16)
    tokens = {name: torch.empty(args.count, LENGTH, dtype=torch.int16) for name in tokenizers}
    for start in tqdm(range(0, args.count, 100), mininterval=10):
        part = slice(start, start + 100)
        images, descriptions = render_described(TRAIN_SEED, start, 100)
        with torch.autocast("cpu", torch.bfloat16):
            means[part] = vae.encode(images).latent_dist.mean
        captions = [description.caption for description in descriptions]
        for name, tokenizer in tokenizers.items():
            padded = tokenizer(captions, padding="max_length", max_length=LENGTH, return_tensors="pt")
            tokens[name][part] = padded.input_ids
    torch.save({"mean": means, **tokens}, args.work / "described.pt")
    print(f"{time.time() - began:.0f} s, spread {means.float().std():.3f}")


if __name__ == "__main__":
    main()
