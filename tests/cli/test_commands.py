"""The command line on tiny random pipelines in diffusers' format, and its answers to bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from diffusers import DDIMScheduler, DiTPipeline
from PIL import Image
from typer.testing import CliRunner, Result

import foretrace as ft
from foretrace.cli import app
from foretrace.cli.settings import parse_settings
from foretrace.errors import InvalidSetting
from runtime.test_pipelines import _autoencoder
from tiny import FAMILIES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pipeline")
    DiTPipeline(FAMILIES["dit"].model(), _autoencoder(), DDIMScheduler()).save_pretrained(path)
    index = json.loads((path / "model_index.json").read_text())
    index["id2label"] = {"0": "circle", "1": "star"}  # as the published DiT has it; saving drops it
    (path / "model_index.json").write_text(json.dumps(index))
    return path


def pixels(path: Path) -> tuple[tuple[int, int], bytes]:
    with Image.open(path) as picture:
        return picture.size, picture.tobytes()


def invoke(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "500"})


def refused(*words: object) -> str:
    """The message of a command that must end with the exit code for bad input, and without a traceback."""
    result = invoke(*words)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    return " ".join(result.output.split())


def test_run_saves_pictures_and_a_report(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "made" / "on the way"
    result = invoke("run", "--model", folder, "--method", "tracache", "--set", "interval=3", "--set",
                    "order=2", "--steps", 8, "--prompt", "star, 7", "--out", out)  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "█" in result.output
    pictures = sorted(out.glob("*.png"))
    assert [p.name for p in pictures] == ["tracache-0-0.png", "tracache-0-1.png"]
    assert pixels(pictures[0])[0] == (8, 8)
    report = json.loads((out / "tracache-0.json").read_text())
    assert report["computed"] == ft.Stride(3, "last").table(8)
    assert report["settings"] == {"interval": 3, "order": 2}
    assert report["macs"] < report["macs_full"]


def test_run_without_a_method_is_the_uncached_pipeline(folder: Path, tmp_path: Path) -> None:
    for method in ("none", "fora"):
        words = ("--steps", 4, "--out", tmp_path, *(("--set", "interval=1") if method == "fora" else ()))
        assert invoke("run", "--model", folder, "--method", method, *words).exit_code == 0
    for i in range(4):
        plain, cached = (pixels(tmp_path / f"{method}-0-{i}.png") for method in ("none", "fora"))
        assert plain == cached


def test_run_takes_any_pipeline_argument(folder: Path, tmp_path: Path) -> None:
    words = ("--pass", "class_labels=[3]", "--guidance", 1.0, "--steps", 3, "--out", tmp_path)
    assert invoke("run", "--model", folder, *words).exit_code == 0
    assert len(list(tmp_path.glob("*.png"))) == 1


def test_bad_input_is_refused_before_any_work(folder: Path, tmp_path: Path) -> None:
    model = ("run", "--model", folder, "--out", tmp_path)
    assert "no method 'tracash'" in refused(*model, "--method", "tracash")
    assert "'intervall'" in refused(*model, "--set", "intervall=3")
    assert "interval got 0" in refused(*model, "--set", "interval=0")
    assert "expected name=value" in refused(*model, "--set", "interval")
    assert "twice" in refused(*model, "--set", "interval=3", "--set", "interval=4")
    assert "--dtype got 'float8000'" in refused(*model, "--dtype", "float8000")
    assert "takes no argument 'promt'" in refused(*model, "--pass", "promt=cat")
    assert "class 'sun'; expected one of circle, star" in refused(*model, "--prompt", "sun")
    (tmp_path / "file").write_text("")
    assert "cannot write" in refused("run", "--model", folder, "--out", tmp_path / "file")
    assert not list(tmp_path.glob("*.png"))


def test_missing_and_broken_model_folders(folder: Path, tmp_path: Path) -> None:
    assert "no folder" in refused("run", "--model", tmp_path / "nothing", "--out", tmp_path)
    assert "no model_index.json" in refused("run", "--model", folder / "transformer", "--out", tmp_path)
    broken = tmp_path / "broken"
    for path in folder.rglob("*"):
        if path.is_file():
            target = broken / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    weights = broken / "transformer" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    assert "cannot load" in refused("run", "--model", broken, "--out", tmp_path)
    weights.unlink()
    assert "cannot load" in refused("run", "--model", broken, "--out", tmp_path)


def test_methods_lists_every_recipe_with_equation_paper_and_settings() -> None:
    result = invoke("methods")
    assert result.exit_code == 0
    for words in (*ft.available_methods(), "F(t) = F(t_1)", "argmin", "arXiv", "interval=5", "order=4"):
        assert words in result.output
    assert "phi_0" in invoke("methods", "tracache").output
    assert invoke("methods", "fora", "--cite").output.strip() == ft.citation("fora")
    assert "expected one of" in refused("methods", "nothing")


def test_weights_of_a_method_on_its_schedule() -> None:
    result = invoke("methods", "--weights", "tracache", "--set", "select=fixed", "--set", "order=1",
                    "--set", "interval=4", "--steps", 10)  # fmt: skip
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.output.splitlines() if "+" in line]
    computed = ft.Stride(4, "last").table(10)
    assert [int(line[1]) for line in lines] == [t for t in range(10) if t not in computed]
    # step 8 from the points 5 and 1, written as on paper: 1 + 3/4 and -3/4
    assert lines[-1][3:8] == ["5", "1", "│", "+1.7500", "-0.7500"]
    assert "2.500" in lines[-1]
    assert "depend on the features" in refused("methods", "--weights", "tracache")


def test_settings_are_read_as_values() -> None:
    pairs = [
        "interval=5",
        "alpha=0.5",
        "select=fixed",
        "indices=(0, 3)",
        "anchor=None",
        "granularity=stack(1,1)",
    ]
    assert parse_settings(pairs) == {
        "interval": 5, "alpha": 0.5, "select": "fixed", "indices": (0, 3), "anchor": None,
        "granularity": "stack(1,1)",
    }  # fmt: skip
    with pytest.raises(InvalidSetting):
        parse_settings(["=3"])


def test_models_lists_the_matrix_and_its_reasons() -> None:
    result = invoke("models", "wan")
    assert result.exit_code == 0
    assert "WanVACETransformer3DModel" in result.output
    assert "FluxTransformer2DModel" not in result.output
    assert "block:residual on WanVACETransformer3DModel: " in result.output
    matrix = json.loads(invoke("models", "--json").output)
    assert matrix["classes"]["FluxTransformer2DModel"]["stack"] is None
    assert "no class named 'nobody'" in refused("models", "nobody")


def test_check_explains_a_pipeline(folder: Path) -> None:
    result = invoke("check", folder, "--prompt", "star")
    assert result.exit_code == 0, result.output
    assert "DiTTransformer2DModel, time in 'timestep'" in result.output
    assert "transformer_blocks: 3 blocks, BasicTransformerBlock" in result.output
    rows = {words[0]: words[1:] for words in map(str.split, result.output.splitlines()) if len(words) == 5}
    assert rows["model"][:2] == ["1", "1"]
    assert rows["model"][3] == "0.00%"
    assert rows["block"][1] == "3"
    assert rows["module(attn,ff)"][1] == "6"


def test_help_names_the_commands() -> None:
    output = invoke("--help").output
    assert all(command in output for command in ("demo", "run", "methods"))
