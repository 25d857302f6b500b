"""Writes shapes-t2i as a stock pipeline folder. Needs `vae_described.pt`, `text.pt` and `t2i.pt`.

python training/export_t2i.py
PixArtAlphaPipeline.from_pretrained("references/shapes-t2i")
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from described_judge import facts
from diffusers import PixArtAlphaPipeline
from export_folder import export_folder
from t2i_sampling import build_pipeline, held_out
from text.frozen import load_encoders
from vae_model import load_vae

HERE = Path(__file__).parent
PROMPTS = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=HERE / "work")
    args = parser.parse_args()
    torch.set_num_threads(1)
    t5, _ = load_encoders(args.work / "text.pt")
    vae = load_vae(args.work / "vae_described.pt")
    pipe = build_pipeline(torch.load(args.work / "t2i.pt")["ema"], vae, t5)
    prompts = [{"caption": one.caption, "facts": facts(one)} for one in held_out(PROMPTS)]
    folder = export_folder(pipe, "shapes-t2i", prompts)
    PixArtAlphaPipeline.from_pretrained(folder, torch_dtype=torch.float32)


if __name__ == "__main__":
    main()
