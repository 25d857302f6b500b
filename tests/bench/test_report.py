"""The report's page: alone, whole, harmless, and the same every time."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from foretrace.bench.report import build_report
from foretrace.bench.report.build import render_page
from foretrace.bench.report.groups import group_rows
from foretrace.bench.rows import Row, read_rows, write_row
from foretrace.cli import app
from foretrace.errors import LoadError
from report_rows import all_rows, write_results

HEADINGS = ("At a glance", "Quality against cost", "Computed and skipped steps", "How errors grow",
            "Where the features go", "Pictures", "Memory", "All numbers")  # fmt: skip
VOID = {"meta", "link", "img", "input", "br"}


class Tree(HTMLParser):
    """Elements and text of a page; that tags close in their order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag, f"{tag} closes in the wrong order"

    def handle_data(self, data):
        if not self._open or self._open[-1] not in ("script", "style"):
            self.text.append(data)


def page(folder: Path, rows: list[Row]) -> str:
    groups = group_rows(read_rows(write_results(folder, rows)))
    return render_page(groups, folder, [[]] * len(groups))


def words(html: str) -> str:
    return " ".join(" ".join(Tree(html).text).split())


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page(tmp_path_factory.mktemp("report"), all_rows())


def test_every_row_and_section_is_on_the_page(html: str) -> None:
    text = words(html)
    assert all(heading in text for heading in HEADINGS)
    body = html[
        html.index('<table class="numbers">') : html.index("</table>", html.index('<table class="numbers">'))
    ]
    labels = re.findall(r'<th scope="row" data-value="([^"]*)"', body)
    assert sorted(labels) == sorted(row.label for row in all_rows())
    for told in ("no block of a known class", "all computed", "abc1234", "2.13.0", "0 to 3", "DDIM"):
        assert told in text
    assert len(re.findall(r'<tr [^>]*class="[^"]*\boff"', body)) == 2


def test_the_page_loads_nothing(html: str) -> None:
    for name, attributes in Tree(html).elements:
        for key in ("src", "href", "srcset", "data", "action", "poster"):
            value = attributes.get(key)
            assert value is None or value.startswith(("data:", "#")), (name, key, value)
    style = "".join(re.findall(r"<style>(.*?)</style>", html, re.DOTALL))
    assert "@import" not in style
    assert "url(" not in style
    assert not re.search(r"https?://", html)
    assert "default-src 'none'" in html


HOSTILE = "<script>alert(1)</script>\"' onload=x"


def test_hostile_words_are_only_words(tmp_path: Path) -> None:
    base = all_rows()
    plain = page(tmp_path / "plain", base)
    nasty = [
        replace(row, label=row.label + HOSTILE, model=HOSTILE, reason=row.reason and HOSTILE,
                method=row.method and HOSTILE, settings={HOSTILE: HOSTILE},
                about={HOSTILE: {HOSTILE: HOSTILE}})
        for row in base
    ]  # fmt: skip
    hostile = page(tmp_path / "hostile", nasty)
    assert HOSTILE in words(hostile)
    shape = lambda text: [name for name, _ in Tree(text).elements if name == "script"]  # noqa: E731
    assert shape(hostile) == shape(plain)
    assert not [a for _, a in Tree(hostile).elements if any(key.startswith("on") for key in a)]


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    results = write_results(tmp_path, all_rows())
    first, second = ([p.read_bytes() for p in build_report(results, tmp_path / name)] for name in "ab")
    assert first == second


def test_figures_and_numbers_lie_beside_the_page(tmp_path: Path) -> None:
    paths = build_report(write_results(tmp_path, all_rows()), tmp_path / "made" / "out")
    names = ["report.html", "report.json", "pareto.png", "strips.png", "growth.png", "pca.png"]
    assert [path.name for path in paths] == names
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths[2:])
    (group,) = json.loads(paths[1].read_text())
    assert [row["label"] for row in group["rows"]] == [row.label for row in all_rows()]
    assert sorted(path.name for path in (tmp_path / "made" / "out").iterdir()) == sorted(names)


BARE = {
    "Quality against cost": {"quality": {}},
    "How errors grow": {"trajectory": {}},
    "Where the features go": {"trajectory": {"pca": {}}},
    "Memory": {"peak_bytes": None, "history_bytes": None},
}


@pytest.mark.parametrize("heading", BARE)
def test_what_is_missing_leaves_its_section_out(heading: str, tmp_path: Path) -> None:
    text = words(page(tmp_path, [replace(row, **BARE[heading]) for row in all_rows()]))
    assert heading not in text
    assert "All numbers" in text


def test_rows_that_only_failed_still_make_a_page(tmp_path: Path) -> None:
    text = words(page(tmp_path, [Row("method", "fora", "m", 5, 1, "failed", "out of memory")]))
    assert "out of memory" in text
    assert "Pictures" not in text


def test_numbers_that_are_none_are_no_points(tmp_path: Path) -> None:
    rows = all_rows()
    broken = replace(
        rows[-3], quality={"relative_l2": replace(rows[-3].quality["relative_l2"], value=float("nan"))}
    )
    results = write_results(tmp_path, [*rows[:-3], broken])
    html = build_report(results, tmp_path / "out")[0].read_text()
    assert "nan" not in re.findall(r'(?:points|transform|x1|y1)="([^"]*)"', html)
    assert "not a number" in words(html)
    json.loads((tmp_path / "out" / "report.json").read_text(), parse_constant=pytest.fail)


def test_machines_and_settings_have_parts_of_their_own(tmp_path: Path) -> None:
    rows = all_rows() + [replace(row, machine="other") for row in all_rows()]
    html = build_report(write_results(tmp_path, rows), tmp_path / "out")[0].read_text()
    assert html.count('<section class="group"') == 2
    assert (tmp_path / "out" / "pareto-2.png").is_file()


def test_a_row_that_was_run_again_counts_once(tmp_path: Path) -> None:
    rows = all_rows()
    html = page(tmp_path, [replace(rows[-3], status="failed", reason="first try"), *rows])
    assert "first try" not in html


def test_only_pictures_beside_the_results_are_drawn_in(tmp_path: Path) -> None:
    outside = tmp_path / "secret.png"
    inside = tmp_path / "bench"
    results = write_results(inside, all_rows())
    outside.write_bytes((inside / "pictures" / "0-0.png").read_bytes())
    (inside / "words.png").write_text("no picture")
    stray = replace(all_rows()[0], label="stray", pictures=["../secret.png", "words.png", "gone.png"])
    write_row(stray, results)
    text = words(build_report(results, tmp_path / "out")[0].read_text())
    assert "../secret.png (not beside the results file)" in text
    assert "words.png (no picture)" in text
    assert "gone.png (missing)" in text


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(LoadError, match="holds no rows; expected"):
        build_report(tmp_path / "empty.jsonl", tmp_path / "out")
    result = CliRunner().invoke(app, ["report", str(tmp_path / "nothing.jsonl")])
    assert result.exit_code == 2
    assert not (tmp_path / "report").exists()


def test_the_command_says_what_it_wrote(tmp_path: Path) -> None:
    results = write_results(tmp_path, all_rows())
    result = CliRunner().invoke(app, ["report", str(results)])
    assert result.exit_code == 0, result.output
    assert str(tmp_path / "report" / "report.html") in result.output.replace("\n", "")


def test_importing_foretrace_and_its_command_line_needs_neither_template_nor_plots() -> None:
    code = "import foretrace.cli, sys; print([m for m in ('jinja2', 'matplotlib') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
