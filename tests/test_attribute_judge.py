"""The attribute judge: how readings are scored, what is stored, and what a wrong folder is told."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from foretrace.demo.attributes import LAYOUTS, AttributeJudge, Facts, load_judge, save_judge, shares
from foretrace.errors import LoadError

WORDS = {
    "size": ["small", "large"],
    "colour": ["red", "blue", "pink"],
    "shape": ["ring", "star"],
    "tone": ["dark", "light"],
    "ground": ["plain", "stripes"],
}
STAR, RING = ("large", "red", "star"), ("small", "blue", "ring")


def two(*things: tuple[str, str, str], layout: str = "across", tone: str = "dark") -> Facts:
    return {"layout": layout, "things": things, "tone": tone, "ground": "plain"}


def alone(thing: tuple[str, str, str]) -> Facts:
    return {"layout": "alone", "things": (thing,), "tone": "light", "ground": "stripes"}


def judge() -> AttributeJudge:
    torch.manual_seed(0)
    return AttributeJudge(WORDS, widths=(8, 16, 24)).eval()


def test_perfect_readings_are_all_right() -> None:
    wanted = [two(STAR, RING), alone(STAR), two(RING, RING, layout="upright")]
    found = shares(wanted, wanted)
    assert set(found) == {"shape", "colour", "size", "relation", "background", "attributes", "all"}
    assert set(found.values()) == {1.0}


def test_swapped_things_are_no_relation_on_the_right_background() -> None:
    found = shares([two(RING, STAR)], [two(STAR, RING)])
    assert found["relation"] == found["shape"] == found["colour"] == found["size"] == found["all"] == 0.0
    assert found["background"] == 1.0
    assert found["attributes"] == pytest.approx(2 / 8)  # tone and ground of eight


def test_a_thing_on_another_axis_is_not_where_it_was_asked_for() -> None:
    found = shares([two(STAR, RING, layout="upright"), alone(STAR)], [two(STAR, RING), two(STAR, RING)])
    assert found["relation"] == found["shape"] == 0.0


def test_a_wrong_size_leaves_the_relation() -> None:
    found = shares([two(("small", "red", "star"), RING)], [two(STAR, RING)])
    assert found["relation"] == found["colour"] == found["shape"] == 1.0
    assert (found["size"], found["all"]) == (0.5, 0.0)


def test_a_wrong_tone_is_a_wrong_background_only() -> None:
    found = shares([two(STAR, RING, tone="light")], [two(STAR, RING)])
    assert (found["background"], found["relation"], found["all"]) == (0.0, 1.0, 0.0)


def test_relation_counts_pictures_with_two_things_only() -> None:
    assert "relation" not in shares([alone(STAR)], [alone(STAR)])
    found = shares([two(RING, STAR), alone(STAR)], [two(STAR, RING), alone(STAR)])
    assert (found["relation"], found["all"]) == (0.0, 0.5)
    assert shares([], []) == {}


def test_readings_and_sentences_must_pair_up() -> None:
    with pytest.raises(ValueError):
        shares([alone(STAR)], [])


def test_readings_are_words_that_fit_their_layout() -> None:
    model = judge()
    with torch.no_grad():
        model.scene.bias[: len(LAYOUTS)] = 0.0
        model.scene.weight *= 30.0  # an untrained judge would read one layout everywhere
    readings = model.read(torch.rand(40, 3, 64, 64) * torch.rand(40, 3, 1, 1), batch=16)
    assert len(readings) == 40
    for reading in readings:
        assert len(reading["things"]) == len(LAYOUTS[reading["layout"]])
        assert reading["tone"] in WORDS["tone"] and reading["ground"] in WORDS["ground"]
        for size, colour, shape in reading["things"]:
            assert size in WORDS["size"] and colour in WORDS["colour"] and shape in WORDS["shape"]


def test_each_place_is_read_from_its_half() -> None:
    """Features of the left half are the mean over the left half of the last map, and so on."""
    model = judge()
    images = torch.rand(2, 3, 64, 64)
    pooled = model.features(images).unflatten(1, (5, -1))
    assert pooled.shape == (2, 5, 24)
    _, left, right, top, bottom = pooled.unbind(1)
    torch.testing.assert_close(left + right, top + bottom)
    assert not torch.allclose(left, right)


def test_stored_and_loaded_judges_agree(tmp_path: Path) -> None:
    model = judge().half().float()  # what fp16 on disk keeps
    save_judge(model, tmp_path / "judge")
    loaded = load_judge(tmp_path / "judge")
    assert (loaded.words, loaded.widths, loaded.training) == (model.words, model.widths, False)
    images = torch.rand(3, 3, 64, 64)
    torch.testing.assert_close(loaded.features(images), model.features(images), rtol=0, atol=0)
    assert loaded.read(images) == model.read(images)
    assert {path.name for path in (tmp_path / "judge").iterdir()} == {"config.json", "model.safetensors"}


def test_a_folder_without_a_judge_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"no config\.json and no model\.safetensors in .*train_judge\.py"):
        load_judge(tmp_path)
