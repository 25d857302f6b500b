"""Writes the trained model as a stock pipeline folder. Needs `vae.pt` and `<name>.pt`.

python training/export.py
DiTPipeline.from_pretrained("src/foretrace/demo/shapes-dit")
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from diffusers import DiTPipeline
from judge import PACKAGE_DEMO
from sampling import build_pipeline
from shapes import CLASS_NAMES
from vae_model import load_vae

HERE = Path(__file__).parent


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=HERE / "work")
    parser.add_argument("--name", default="dit", help="of the checkpoint")
    parser.add_argument("--weights", choices=["ema", "model"], default="ema", help="averaged or last")
    parser.add_argument("--out", type=Path, default=PACKAGE_DEMO / "shapes-dit")
    return parser.parse_args()


def add_labels(folder: Path) -> None:
    """Puts the class names where the stock pipeline looks for them; saving it drops them."""
    path = folder / "model_index.json"
    index = json.loads(path.read_text())
    index["id2label"] = {str(i): name for i, name in enumerate(CLASS_NAMES)}
    path.write_text(json.dumps(index, indent=2) + "\n")


def drop_private_fields(folder: Path) -> None:
    """Removes `_name_or_path`, which would record where on this machine the model was built."""
    for path in folder.rglob("*.json"):
        config = json.loads(path.read_text())
        config.pop("_name_or_path", None)
        path.write_text(json.dumps(config, indent=2) + "\n")


def main() -> None:
    args = parse_args()
    torch.set_num_threads(1)
    state = torch.load(args.work / f"{args.name}.pt")
    vae = load_vae(args.work / "vae.pt")
    pipe = build_pipeline(state[args.weights], vae, state["shape"])
    pipe.to(torch.float16).save_pretrained(args.out, safe_serialization=True)
    add_labels(args.out)
    drop_private_fields(args.out)
    for path in args.out.rglob("*.safetensors"):
        path.chmod(0o644)  # the writer makes these private
    again = DiTPipeline.from_pretrained(args.out, torch_dtype=torch.float32)
    assert again.get_label_ids(["star"]) == [CLASS_NAMES.index("star")]
    for path in sorted(args.out.rglob("*")):
        if path.is_file():
            print(f"{path.stat().st_size:>10,}  {path.relative_to(args.out)}")


if __name__ == "__main__":
    main()
