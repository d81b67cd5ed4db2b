"""Runs benchmarks one after the other and prints one table: `python benchmarks/run.py [name ...]`, all of them by default.

A benchmark is a module here with `rows() -> list[Row]`. Figures of one run are to be compared with each other, not with another machine's.
"""

import importlib
import sys
from pathlib import Path

from rows import Row, show


def names() -> list[str]:
    """Return the names of all benchmarks."""
    here = Path(__file__).parent
    return sorted(path.stem for path in here.glob("*.py") if "\ndef rows(" in path.read_text())


def main() -> int:
    """Run what is named."""
    found: list[Row] = []
    failed = 0
    for name in sys.argv[1:] or names():
        print(f"... {name}", file=sys.stderr)
        try:
            found += importlib.import_module(name).rows()
        except Exception as error:
            failed += 1
            found.append(Row(name, f"failed: {error!r}"))
    show(found)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
