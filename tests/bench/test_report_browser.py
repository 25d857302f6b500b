"""The report in headless Chromium: it fits, sorts, slides, switches its theme, and complains about nothing.

The browser shows a copy of the page in a frame (its windows are never narrower than 500 pixels), with the
script ``report_visit.js`` at its end, which works the page as a visitor would and tells what it finds.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from foretrace.bench.report import build_report
from report_rows import all_rows, write_results

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")
WIDTHS = (400, 1400)
OPTIONS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
--disable-background-networking --disable-component-update --disable-sync --hide-scrollbars
--window-size=1500,900 --virtual-time-budget=6000 --dump-dom""".split()
LISTEN = """<script>
window.complaints = [];
addEventListener("error", (e) => complaints.push(String(e.message)), true);
addEventListener("unhandledrejection", (e) => complaints.push(String(e.reason)));
addEventListener("securitypolicyviolation", (e) => complaints.push(e.violatedDirective + " " + e.blockedURI));
for (const level of ["error", "warn"]) console[level] = (...words) => complaints.push(words.join(" "));
</script>"""
VISIT = Path(__file__).with_name("report_visit.js").read_text()
FRAME = """<!doctype html><body style="margin:0">
<iframe src="report.html" width="WIDTH" height="900" style="border:0"></iframe>
<script>addEventListener("message", (e) => {
  const out = document.createElement("pre");
  out.id = "found"; out.textContent = e.data; document.body.append(out);
});</script>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    path = build_report(write_results(folder, all_rows()), folder / "out")[0]
    text = (
        path.read_text()
        .replace("<title>", f"{LISTEN}<title>")
        .replace("</body>", f"<script>{VISIT}</script></body>")
    )
    path.write_text(text)
    for width in WIDTHS:
        path.with_name(f"{width}.html").write_text(FRAME.replace("WIDTH", str(width)))
    return path.parent


@cache
def visit(page: Path, width: int) -> dict[str, Any]:
    """What the script found at this width."""
    own = f"--user-data-dir={page / f'profile-{width}'}"
    command = [str(CHROMIUM), *OPTIONS, own, (page / f"{width}.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
    written = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert written, "the script did not come to its end"
    found = json.loads(html.unescape(written[1]))
    assert "broken" not in found, found
    return found


@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_without_scrolling_sideways(page: Path, width: int) -> None:
    found = visit(page, width)
    assert found["width"] == width
    assert found["scroll"] <= width
    assert found["wide"] == []
    assert set(found["plots"]) == {"narrow" if width < 500 else "wide"}
    assert found["letters"] >= 9


@pytest.mark.parametrize("width", WIDTHS)
def test_no_complaints_and_nothing_unnamed(page: Path, width: int) -> None:
    found = visit(page, width)
    assert found["complaints"] == []
    assert found["unnamed"] == []


def test_sorting_changes_the_order_and_says_so(page: Path) -> None:
    found = visit(page, 1400)
    for (said, values), way in zip(found["sorted"], ("ascending", "descending"), strict=True):
        numbers = [float(v) for v in values if v is not None]
        assert said == way
        assert numbers == sorted(numbers, reverse=way == "descending")
        assert len(numbers) > 5
        assert values[len(numbers) :] == [None] * (len(values) - len(numbers))
    assert found["names"][0] == "cache-dit"
    assert sorted(found["names"]) == sorted(row.label for row in all_rows())


def test_the_slider_moves_the_seam(page: Path) -> None:
    found = visit(page, 1400)
    assert len(set(found["clips"])) == 3
    assert "80%" in found["clips"][1]
    assert abs(found["dragged"] - 80) <= 1
    assert found["sources"][0] != found["sources"][1]
    assert all(source.startswith("data:image/png") for source in found["sources"])


def test_the_difference_map_shows_the_difference(page: Path) -> None:
    found = visit(page, 1400)
    assert found["map"][0] == 16
    assert found["map"][1:4] != [0, 0, 4]
    assert "0.0 % of full range on average" in found["same"][0]
    assert found["same"][1:4] == [0, 0, 4]
    assert found["sample"] == "sample 2 of 2"


def test_the_button_switches_the_theme_and_back(page: Path) -> None:
    first, second, third = visit(page, 1400)["paper"]
    assert first == third != second
    assert sorted(visit(page, 1400)["pressed"]) == ["false", "true"]


@pytest.mark.parametrize("width", WIDTHS)
def test_points_are_told_by_keyboard(page: Path, width: int) -> None:
    found = visit(page, width)
    hidden, text, lit = found["tip"]
    assert not hidden
    assert "relative L2" in text
    assert lit
    assert found["inside"]
    assert found["gone"]
    assert found["lit"] == ["true", True]
