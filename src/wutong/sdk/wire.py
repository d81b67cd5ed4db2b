"""The bases of every wire type: what is sent refuses unknown fields, what is received tolerates those of newer servers."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")


IN_WORDS = {"extra_forbidden": "There is no such field", "missing": "It is needed"}


class Sent(BaseModel):
    """A request body. A misspelt field is an error, never silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Received(BaseModel):
    """A response body. Built by the API from plain objects with the same field names."""

    model_config = ConfigDict(extra="ignore", frozen=True, from_attributes=True)


class Listed(Received, Generic[T]):
    """A page of a list: the items, and the cursor that asks for what follows (None at the end)."""

    items: list[T]
    next: str | None = None


def in_words(issue: Mapping[str, Any]) -> str:
    """Say what is wrong with one field, from an issue as pydantic tells it."""
    return IN_WORDS.get(str(issue["type"]), str(issue["msg"]))
