"""Reading ``--set name=value`` into settings of a recipe."""

from __future__ import annotations

import ast

from foretrace.errors import InvalidSetting


def parse_settings(pairs: list[str]) -> dict[str, object]:
    """``["interval=5", "select=fixed"]`` to ``{"interval": 5, "select": "fixed"}``.

    A value that reads as a Python number, tuple or constant is one; anything else is text.
    """
    settings: dict[str, object] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise InvalidSetting(f"--set got {pair!r}; expected name=value. Write e.g. --set interval=5.")
        if name.strip() in settings:
            raise InvalidSetting(f"--set names {name.strip()!r} twice; expected once. Drop one of them.")
        settings[name.strip()] = _value(value.strip())
    return settings


def _value(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
