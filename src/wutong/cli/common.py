"""What every command shares: its common options, and the client it talks through."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel, ValidationError

from wutong.cli import config
from wutong.cli.show import Stop
from wutong.sdk.client import Client
from wutong.sdk.wire import in_words

M = TypeVar("M", bound=BaseModel)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def client(*, signed_in: bool = True, timeout_s: float = 30.0) -> Client:
    """Return a client for the centre of the configuration; it closes at the end of a `with` block."""
    chosen = config.load()
    if signed_in and not chosen.token:
        raise Stop(f"You are not signed in to {chosen.url}. Run `wutong login` first.")
    return Client(chosen.url, chosen.token, timeout_s=timeout_s)


def checked(model: type[M], fields: Mapping[str, Any], *, hint: str = "") -> M:
    """Make what is to be sent, and say every field that is wrong."""
    try:
        return model(**fields)
    except ValidationError as error:
        wrong = [f"{'.'.join(str(part) for part in issue['loc'])}: {in_words(issue)}" for issue in error.errors()]
        raise Stop(" ".join(filter(None, [f"{'; '.join(wrong)}.", hint]))) from None
