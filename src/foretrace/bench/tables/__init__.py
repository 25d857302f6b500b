"""The tables of papers as data, one file a table; adding a file adds it to ``foretrace bench --table``."""

from __future__ import annotations

import importlib
import pkgutil

from foretrace.bench.published import PaperTable
from foretrace.errors import InvalidSetting


def available_tables() -> dict[str, PaperTable]:
    """All tables by name."""
    found = [info.name for info in pkgutil.iter_modules(__path__)]
    tables = [importlib.import_module(f"{__name__}.{name}").TABLE for name in sorted(found)]
    return {table.name: table for table in tables}


def load_table(name: str) -> PaperTable:
    """The table ``name``.

    Raises:
        InvalidSetting: there is no such table; the message lists all with their titles.
    """
    tables = available_tables()
    if name not in tables:
        raise InvalidSetting(f"--table got {name!r}; expected one of these. Pass its name.\n{listing()}")
    return tables[name]


def listing() -> str:
    """Names and titles, one a line."""
    tables = available_tables()
    width = max(map(len, tables))
    return "\n".join(f"  {name:{width}}  {table.title}" for name, table in tables.items())
