"""Reading a bench from a TOML file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from foretrace.bench.spec import KEYS
from foretrace.checks import one_of
from foretrace.errors import InvalidSetting, LoadError


def read_toml(path: Path) -> dict[str, Any]:
    """The keys of a bench, see `Spec`; methods are tables ``[[methods]]``, peers names or ``[[peers]]``.

    Paths in it are taken from the working folder.

    Raises:
        LoadError: there is no such file.
        InvalidSetting: it is no TOML, it has an unknown key, or this Python cannot read TOML.
    """
    if not path.is_file():
        raise LoadError(f"there is no file {path}; expected a bench in TOML. Check the path.")
    if sys.version_info < (3, 11):
        raise InvalidSetting(
            f"got {path} on Python {sys.version_info[0]}.{sys.version_info[1]}; expected 3.11 or newer, "
            "whose standard library reads TOML. Pass the same as flags, or use a newer Python."
        )
    import tomllib

    try:
        given = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise InvalidSetting(f"{path} is no TOML: {error}; expected a bench. Correct that line.") from error
    for key in given:
        one_of(f"a key of {path.name}", key, KEYS)
    return given
