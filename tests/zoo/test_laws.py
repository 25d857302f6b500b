"""Every cell of the committed matrix, run again: both laws hold, or the refusal is the one that it tells."""

from __future__ import annotations

import re

import diffusers
import pytest
import torch

import foretrace as ft
from foretrace.errors import ForetraceError, UnsupportedModel
from foretrace.models.coverage import COLUMNS, read_coverage
from zoo import CASES
from zoo.laws import NEARLY_ZERO, attached, build, check_computing, check_skipping, outputs
from zoo.refusals import NOT_COUNTED

MATRIX = read_coverage()
CELLS = [(name, spelling) for name in CASES for spelling in COLUMNS]
HOLDS = [(name, s) for name, s in CELLS if MATRIX.classes.get(name, {}).get(s) is None]
REFUSED = [cell for cell in CELLS if cell not in HOLDS]


def test_the_matrix_has_every_class_and_granularity() -> None:
    assert MATRIX.diffusers == diffusers.__version__
    assert list(MATRIX.classes) == list(CASES)
    assert all(list(row) == list(COLUMNS) for row in MATRIX.classes.values())


@pytest.mark.parametrize(("name", "spelling"), HOLDS)
def test_both_laws_hold(name: str, spelling: str) -> None:
    check_computing(name, COLUMNS[spelling])
    check_skipping(name, COLUMNS[spelling])


@pytest.mark.parametrize(("name", "spelling"), REFUSED)
def test_a_refusal_is_an_error_that_says_why(name: str, spelling: str) -> None:
    why = re.escape(str(MATRIX.classes[name][spelling]))
    with pytest.raises(ForetraceError, match=f"{why}; expected"):
        check_skipping(name, COLUMNS[spelling])


def test_every_class_is_accelerated_at_one_granularity_at_least() -> None:
    assert not [name for name, row in MATRIX.classes.items() if row["model"] is not None]


@pytest.mark.parametrize("name", CASES)
def test_macs_are_counted_or_it_is_known_why_not(name: str) -> None:
    spelling = "stack" if (name, "stack") in HOLDS else "model"
    with attached(name, COLUMNS[spelling], ft.Mask([0])) as run:
        before, *_ = outputs(name, build(name), NEARLY_ZERO)
    if name in NOT_COUNTED:
        with pytest.raises(UnsupportedModel, match=f"cannot be counted without data.*{NOT_COUNTED[name]}"):
            run.report.macs
    else:
        assert 0.3 * run.report.macs_full < run.report.macs < 0.9 * run.report.macs_full
    after = outputs(name, build(name), NEARLY_ZERO[:1])[0]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True)), "counting left its mark"
