"""Environments: which there are and how they stand, registering one's own, having one built now."""

from typing import Annotated

from fastapi import Form, Response
from sqlalchemy.orm import Session

from wutong.compute.environments import service as environments
from wutong.compute.environments.rules import MAX_LOCK_BYTES, UNASKED
from wutong.doorway.asking import Tx, needs
from wutong.identity.rules import Permission
from wutong.kit.errors import Problem
from wutong.web.view import Pages, View

pages = Pages(prefix="/environments")

Reads = Annotated[View, needs(Permission.JOB_READ)]
Name = Annotated[str, Form(max_length=200)]
Lock = Annotated[str, Form(max_length=MAX_LOCK_BYTES)]


@pages.get("")
def environments_page(tx: Tx, view: Reads) -> Response:
    """List the environments one can use, in their newest versions."""
    return _page(tx, view)


@pages.get("/part")
def environments_part(tx: Tx, view: Reads) -> Response:
    """Render the list again: builds go on."""
    return view.page("environments/rows.html", environments=environments.list_environments(tx, view.who), unasked=UNASKED)


@pages.post("")
def register_environment(
    tx: Tx, view: Annotated[View, needs(Permission.DATA_WRITE)], name: Name, lock: Lock, description: Annotated[str, Form(max_length=500)] = ""
) -> Response:
    """Register a lock under a name; it is built at once."""
    form = {"name": name.strip(), "lock": lock.replace("\r\n", "\n"), "description": description}
    done = view.attempt(lambda: environments.register_environment(tx, view.who, name=form["name"], lock=form["lock"], description=description))
    if isinstance(done, Problem):
        return _page(tx, view, form=form, problem=done)
    view.toast("The environment {name} is registered and will be built.", name=done.name)
    return view.go("/environments")


@pages.post("/{name}/build")
def build_environment(tx: Tx, view: Annotated[View, needs(Permission.JOB_SUBMIT)], name: str) -> Response:
    """Have an environment built now, rather than when a job first needs it."""
    environments.build_environment(tx, view.who, name)
    view.toast("The environment {name} will be built.", name=name)
    return view.go("/environments")


def _page(tx: Session, view: View, *, form: dict[str, str] | None = None, problem: Problem | None = None) -> Response:
    found = environments.list_environments(tx, view.who)
    status = 200 if problem is None else problem.status
    return view.page("environments/list.html", status, environments=found, unasked=UNASKED, form=form or {}, problem=problem)
