"""A bench as it is asked for: spellings, TOML, and everything that is refused before a model is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from foretrace.bench import runner, subject
from foretrace.bench.entries import parse_entry, split_settings
from foretrace.bench.spec import METRICS, make_spec
from foretrace.bench.specfile import read_toml
from foretrace.cli import app
from foretrace.errors import InvalidSetting, LoadError, UnknownMethod


def labels(**given: Any) -> list[str]:
    return [entry.label for entry in make_spec({"model": "shapes-dit", **given}).methods]


def test_a_label_is_how_the_row_is_asked_for() -> None:
    for text in ("tracache:interval=5,order=4,granularity=model", "fora", "cache-dit:mask=(1,0,1),rate=0.2"):
        entry = parse_entry(text, "method")
        assert entry.label == text
        assert parse_entry(entry.label, "method") == entry
    assert parse_entry(" fora: interval=3 ", "method").settings == {"interval": 3}


def test_commas_in_brackets_do_not_split() -> None:
    assert split_settings("a=(1,[2,3]),b=x") == ["a=(1,[2,3])", "b=x"]


def test_intervals_and_shared_settings_are_spread() -> None:
    asked = ["fora", "tracache:interval=4", "spectrum"]
    assert labels(methods=asked, intervals=[3, 5]) == [
        "fora:interval=3", "fora:interval=5", "tracache:interval=4", "spectrum",
    ]  # fmt: skip
    assert labels(methods=["fora:granularity=stack", "fora"], set={"granularity": "model"}) == [
        "fora:granularity=stack", "fora:granularity=model",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"methods": ["tracash"]}, UnknownMethod, "Did you mean 'tracache'"),
        ({"methods": ["fora:interval"]}, InvalidSetting, "name=value"),
        ({"methods": ["fora:interval=0"]}, InvalidSetting, "interval"),
        ({"methods": ["fora:width=3"]}, InvalidSetting, "width"),
        ({"methods": ["fora", "fora"]}, InvalidSetting, "two rows are called 'fora'"),
        ({"methods": ["profile:/no/such.safetensors"]}, LoadError, "such.safetensors"),
        ({"methods": [{"name": "fora", "setings": {}}]}, InvalidSetting, "setings"),
        ({"methods": [":interval=3"]}, InvalidSetting, "name:setting=value"),
        ({"peers": ["teacache"]}, InvalidSetting, "cache-dit"),
        ({"samplers": ["euler"]}, InvalidSetting, "unipc"),
        ({"metrics": ["fid"]}, InvalidSetting, "frechet"),
        ({"samples": 0}, InvalidSetting, "samples"),
        ({"fewer_steps": [0]}, InvalidSetting, "steps"),
        ({"sample": 3}, InvalidSetting, "samples"),
        ({"model": None}, InvalidSetting, "--model"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        make_spec({"model": "shapes-dit", **given})


def test_toml_says_the_same_as_flags(tmp_path: Path) -> None:
    file = tmp_path / "bench.toml"
    file.write_text(
        'model = "shapes-dit"\npeers = ["cache-dit"]\nsamplers = []\n'
        '[[methods]]\nname = "tracache"\nlabel = "ours"\nsettings = { interval = 5, order = 2 }\n'
        '[[methods]]\nname = "fora"\n'
    )
    spec = make_spec(read_toml(file))
    assert [entry.label for entry in spec.methods] == ["ours", "fora"]
    assert spec.methods[0].settings == {"interval": 5, "order": 2}
    assert spec.samplers == ()
    assert spec.metrics == METRICS


@pytest.mark.parametrize(("text", "says"), [("model = ", "is no TOML"), ("modle = 'x'", "modle")])
def test_toml_that_is_wrong_is_refused(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "bench.toml"
    file.write_text(text)
    with pytest.raises(InvalidSetting, match=says):
        read_toml(file)


def test_nothing_is_loaded_for_what_cannot_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: Any) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(subject, "load_subject", load)
    monkeypatch.setattr(runner, "run_bench", load)
    blocked = tmp_path / "file"
    blocked.write_text("")
    base = ["bench", "--model", "shapes-dit", "--out", str(tmp_path / "out")]
    for words in (
        ["--metrics", "fid"], ["--peers", "x"], ["--intervals", "a"], ["--out", str(blocked)],
        [str(tmp_path / "none.toml")],
    ):  # fmt: skip
        result = CliRunner().invoke(app, [*base, *words])
        assert result.exit_code == 2, (words, result.output)
        assert not isinstance(result.exception, AssertionError)
