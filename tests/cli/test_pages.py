"""The pages for users: every command they show exists, with the options they give it."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from wutong.cli.local import PASSED_ON
from wutong.cli.main import app

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = [DOCS / "start.md", *sorted((DOCS / "how-to").glob("*.md"))]


def lines(page: Path) -> list[str]:
    """The commands of a page: in shell blocks and between backticks."""
    text = page.read_text()
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    spoken = re.findall(r"`(wutong [^`]+)`", text)
    shown = [line.partition("wutong ")[2] for line in blocks.splitlines() if re.match(r"(\w+=\S+ )*wutong ", line)]
    return [*shown, *(line.removeprefix("wutong ") for line in spoken)]


@pytest.mark.parametrize(("page", "line"), [(page.name, line) for page in PAGES for line in lines(page)])
def test_a_command_of_a_page_exists(page: str, line: str):
    words = shlex.split(line.partition(" > ")[0].partition(" <<")[0])
    command: Any = typer.main.get_command(app)
    while words and hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    given = {word for word in words if word.startswith("-")}
    assert command.name in PASSED_ON or given <= known | {"--help"}, page


def test_pages_show_commands_at_all():
    assert all(lines(page) for page in PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path):
    for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target
