"""The command line; ``python -m foretrace`` and ``foretrace`` are the same."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line, or say what to install for it."""
    try:
        from foretrace.cli import app
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.exit(f"foretrace: the command line needs {error.name}. Run: pip install 'foretrace[demo]'")
    app()


if __name__ == "__main__":
    main()
