"""Writes `vae.pt` and `dit_start.pt` from an exported pipeline, so that training can go on from it.

    python training/unpack.py
    python training/train_dit.py --start training/work/dit_start.pt --name dit_second

The optimiser's state is not exported; a run that starts here warms up anew.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from diffusers import DiTPipeline
from dit_model import shrink_labels
from judge import PACKAGE_DEMO

HERE = Path(__file__).parent


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--pipeline", type=Path, default=PACKAGE_DEMO / "shapes-dit")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    pipe = DiTPipeline.from_pretrained(args.pipeline, torch_dtype=torch.float32)
    transformer, config = pipe.transformer, pipe.transformer.config
    shape = {
        "layers": config.num_layers,
        "heads": config.num_attention_heads,
        "head_dim": config.attention_head_dim,
    }
    shrink_labels(transformer)
    args.work.mkdir(parents=True, exist_ok=True)
    torch.save(pipe.vae.state_dict(), args.work / "vae.pt")
    torch.save({"ema": transformer.state_dict(), "shape": shape}, args.work / "dit_start.pt")


if __name__ == "__main__":
    main()
