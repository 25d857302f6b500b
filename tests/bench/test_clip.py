"""CLIP scores with a model as transformers keeps it on disk: tiny, of random weights, loaded as any other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

from foretrace.bench.quality.perceptual import clip_pixels, load_clip
from foretrace.errors import LoadError

PROMPTS = ("a cat", "a dog", "a very long dog " * 9)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    letters = [*"abcdefghijklmnopqrstuvwxyz"]
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    CLIPTokenizer.from_pretrained(folder, model_max_length=16).save_pretrained(folder)
    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {**small, "vocab_size": len(words), "max_position_embeddings": 16, "eos_token_id": len(words) - 1}
    vision = {**small, "image_size": 16, "patch_size": 8}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=8))
        model.save_pretrained(folder)
    return folder


def test_scores_are_cosines_of_the_models_own_embeddings(folder: Path) -> None:
    score, images = load_clip(str(folder)), torch.rand(3, 3, 20, 24)
    found = score(images, PROMPTS)
    model = CLIPModel.from_pretrained(folder).eval()
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    for i, prompt in enumerate(PROMPTS):
        words = tokenizer([prompt], truncation=True, return_tensors="pt")
        with torch.no_grad():
            out = model(**words, pixel_values=clip_pixels(images[i : i + 1], 16))
        cosine = float(torch.cosine_similarity(out.image_embeds, out.text_embeds))
        assert float(found[i]) == pytest.approx(100 * max(cosine, 0.0), abs=1e-3)
    assert len({round(float(x), 4) for x in score(images[:1].expand(3, -1, -1, -1), PROMPTS)}) > 1


def test_what_is_no_clip_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"expected a folder in transformers' format. Check --clip"):
        load_clip(str(tmp_path))
