"""Writes shapes-flow as a stock pipeline folder. Needs `vae_described.pt`, `text.pt` and `flow.pt`.

python training/export_flow.py
FluxPipeline.from_pretrained("references/shapes-flow")
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from described_judge import facts
from diffusers import FluxPipeline
from export_folder import export_folder
from flow_sampling import build_pipeline
from t2i_sampling import held_out
from text.frozen import load_encoders
from vae_model import load_vae

HERE = Path(__file__).parent
PROMPTS = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=HERE / "work")
    args = parser.parse_args()
    torch.set_num_threads(1)
    t5, clip = load_encoders(args.work / "text.pt")
    vae = load_vae(args.work / "vae_described.pt")
    pipe = build_pipeline(torch.load(args.work / "flow.pt")["ema"], vae, t5, clip)
    prompts = [{"caption": one.caption, "facts": facts(one)} for one in held_out(PROMPTS)]
    folder = export_folder(pipe, "shapes-flow", prompts)
    FluxPipeline.from_pretrained(folder, torch_dtype=torch.float32)


if __name__ == "__main__":
    main()
