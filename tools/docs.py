"""Writes the reference pages that are made from the code; with `--check` it only says whether they are as they should be."""

import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import typer
from fastapi.routing import APIRoute
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from wutong.api.auth import caller
from wutong.api.nouns import ROUTERS
from wutong.cli import main as cli
from wutong.identity.rules import Permission
from wutong.kit.settings import Settings

ROOT = Path(__file__).resolve().parent.parent

SETTINGS_HEAD = """# Settings

Each is an environment variable, or the same name in lower case and without `WUTONG_` in `wutong.toml` in the home folder; the environment
wins. `WUTONG_CONFIG` names another file. A name that is not here is refused. This page is made from the code by `make docs`.

| variable | default | what it sets |
|---|---|---|
"""


CLI_HEAD = """# The command `wutong`

`wutong --help` and `wutong <command> --help` say the same. Every command that shows something takes `--json`. `--debug` before the command shows the
traceback of an error, `--url` names another centre. An error is one sentence on standard error, and a status that is not 0. The address and the
token are kept in a file that only you can read; `WUTONG_URL`, `WUTONG_TOKEN` and `WUTONG_CLI_CONFIG` (another file) go before it. This page is made
from the code by `make docs`.
"""

API_HEAD = """# The JSON API

Everything but `/health` lies below `/api/v1`. `/api/openapi.json` describes every field, `/api/docs` reads it out. Send
`Authorization: Bearer <token>`. Amounts are integer fen, times are ISO 8601 in UTC. An error is
`{"error": {"code", "message", "details", "request_id"}}`; a list is `{"items", "next"}`, and `?after=<next>` asks for what follows. The third
column says what the caller must be allowed; another organisation's thing is not found (404). This page is made from the code by `make docs`.

| method | path | needs | what it does |
|---|---|---|---|
"""


def settings_page() -> str:
    """Return the page of settings."""
    rows = [f"| `WUTONG_{name.upper()}` | {_default(field)} | {field.description} |" for name, field in Settings.model_fields.items()]
    return SETTINGS_HEAD + "\n".join(rows) + "\n"


def cli_page() -> str:
    """Return the page of commands."""
    return CLI_HEAD + "".join(_command("wutong", typer.main.get_command(cli.app)))


def api_page() -> str:
    """Return the page of routes."""
    rows = []
    for route in sorted(_routes(), key=lambda each: each.path):
        text = inspect.cleandoc(route.endpoint.__doc__ or "").partition("\n\n")[0].replace("\n", " ").replace("|", "\\|")
        rows += [f"| {method} | `{route.path}` | {_needs(route)} | {text} |" for method in sorted(route.methods or ())]
    return API_HEAD + "\n".join(rows) + "\n"


def pages() -> dict[Path, str]:
    """Return every page that is made, by path."""
    folder = ROOT / "docs" / "reference"
    return {folder / "settings.md": settings_page(), folder / "cli.md": cli_page(), folder / "api.md": api_page()}


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


def _command(name: str, command: Any) -> Iterator[str]:
    if hasattr(command, "commands"):
        if name != "wutong":
            yield f"\n## `{name}`\n\n{command.help}\n"
        for part, each in sorted(command.commands.items(), key=lambda pair: (hasattr(pair[1], "commands"), pair[0])):
            yield from _command(f"{name} {part}", each)
        return
    arguments = [each for each in command.params if not each.opts[0].startswith("-")]
    usage = " ".join([name, *(f"<{each.name}>" if each.required else f"[{each.name}]" for each in arguments)])
    rows = [f"- `{', '.join([*each.opts, *each.secondary_opts])}`: {each.help}" for each in command.params if getattr(each, "help", None)]
    yield f"\n### `{usage}`\n\n{inspect.cleandoc(command.help or '')}\n"
    if rows:
        yield "\n" + "\n".join(rows) + "\n"


def _routes() -> Iterator[APIRoute]:
    return (route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute) and route.include_in_schema)


def _needs(route: APIRoute) -> str:
    """Say what a route asks of its caller: from its signature, or, where it opens its own transactions, from the permissions its code names."""
    if caller not in {dependency.call for dependency in route.dependant.dependencies}:
        return "nothing"
    wanted = getattr(route.endpoint, "needs", None)
    named = [permission.value for permission in wanted.permissions] if wanted else sorted(set(_named(route.endpoint, set())))
    return ", ".join(f"`{each}`" for each in named) or "being signed in"


def _named(function: Callable[..., Any], seen: set[str]) -> Iterator[str]:
    seen.add(function.__name__)
    for name in _names(function.__code__):
        other = function.__globals__.get(name)
        if name in Permission.__members__:
            yield Permission[name].value
        elif inspect.isfunction(other) and name not in seen and other.__module__.startswith((function.__module__, "wutong.doorway.")):
            yield from _named(other, seen)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "the user's data folder"
    if field.default is None or field.default is PydanticUndefined:
        return "unset"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


if __name__ == "__main__":
    sys.exit(main())
