"""Secrets of the organisation: their names, storing one, deleting one. Values are never shown."""

from typing import Annotated

from fastapi import Form, Response
from sqlalchemy.orm import Session

from wutong.compute.jobs import service as jobs
from wutong.doorway.asking import Tx, needs
from wutong.identity.rules import Permission
from wutong.kit.errors import Problem
from wutong.web.view import Pages, View

pages = Pages(prefix="/secrets")

Submits = Annotated[View, needs(Permission.JOB_SUBMIT)]
Name = Annotated[str, Form(max_length=200)]


@pages.get("")
def secrets_page(tx: Tx, view: Annotated[View, needs(Permission.JOB_READ)]) -> Response:
    """List the names."""
    return _page(tx, view)


@pages.post("")
def put_secret(tx: Tx, view: Submits, name: Name, value: Annotated[str, Form(max_length=100_000)] = "") -> Response:
    """Store a secret, in place of an earlier value."""
    key_file, given = view.context.settings.key_file, name.strip()
    done = view.attempt(lambda: jobs.put_secret(tx, view.who, key_file, name=given, value=value.replace("\r\n", "\n")))
    if isinstance(done, Problem):
        return _page(tx, view, name=given, problem=done)
    view.toast("The secret {name} is stored.", name=done.name)
    return view.go("/secrets")


@pages.post("/delete")
def delete_secret(tx: Tx, view: Submits, name: Name) -> Response:
    """Delete a secret."""
    jobs.delete_secret(tx, view.who, name)
    view.toast("The secret {name} is deleted.", name=name)
    return view.go("/secrets")


def _page(tx: Session, view: View, *, name: str = "", problem: Problem | None = None) -> Response:
    status = 200 if problem is None else problem.status
    return view.page("secrets/list.html", status, secrets=jobs.list_secrets(tx, view.who), name=name, problem=problem)
