"""Writes the reference pages that are made from the code; with `--check` it only says whether they are as they should be."""

import sys
from pathlib import Path

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from wutong.kit.settings import Settings

ROOT = Path(__file__).resolve().parent.parent

SETTINGS_HEAD = """# Settings

Each is an environment variable, or the same name in lower case and without `WUTONG_` in `wutong.toml` in the home folder; the environment
wins. `WUTONG_CONFIG` names another file. A name that is not here is refused. This page is made from the code by `make docs`.

| variable | default | what it sets |
|---|---|---|
"""


def settings_page() -> str:
    """Return the page of settings."""
    rows = [f"| `WUTONG_{name.upper()}` | {_default(field)} | {field.description} |" for name, field in Settings.model_fields.items()]
    return SETTINGS_HEAD + "\n".join(rows) + "\n"


def pages() -> dict[Path, str]:
    """Return every page that is made, by path."""
    return {ROOT / "docs" / "reference" / "settings.md": settings_page()}


def main() -> int:
    """Write or check."""
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not what the code says; run `make docs`.", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pages()[path])
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "the user's data folder"
    if field.default is None or field.default is PydanticUndefined:
        return "unset"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


if __name__ == "__main__":
    sys.exit(main())
