"""The split assistant: shows how a version would be divided before it is, and makes the split as the next version."""

from typing import Annotated

from fastapi import Form, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from wutong.doorway.asking import Tx, needs
from wutong.hub import service as hub
from wutong.hub.rules import GroupBy, Split, SplitSpec
from wutong.identity.rules import Permission
from wutong.kit.errors import Invalid, NotFound, Problem
from wutong.web.view import Pages, View

pages = Pages(prefix="/data/{repo_id}/versions/{number}")

MOST_SHOWN = 200
Text = Annotated[str, Field(max_length=1024)]
Writes = Annotated[View, needs(Permission.DATA_WRITE)]


class Asked(BaseModel):
    """The form as it was typed; what is no number is told in words."""

    by: Text = ""
    train: Text = "80"
    val: Text = "10"
    test: Text = "10"
    level: Text = "1"
    pattern: Text = ""
    listing: Text = ""
    path_column: Text = ""
    group_column: Text = ""
    prefix: Text = ""
    seed: Text = "0"
    together: Text = ""

    def spec(self) -> SplitSpec:
        """Return what is asked for. Raises `Invalid`."""
        if self.by not in set(GroupBy):
            raise Invalid(field="by", reason="Choose how files are grouped.")
        return SplitSpec(
            train=_number("train", self.train),
            val=_number("val", self.val),
            test=_number("test", self.test),
            by=GroupBy(self.by),
            level=_number("level", self.level),
            pattern=self.pattern,
            listing=self.listing.strip(),
            path_column=self.path_column.strip(),
            group_column=self.group_column.strip(),
            prefix=self.prefix.strip(),
            seed=_number("seed", self.seed),
            together=self.together == "yes",
        )


@pages.get("/split")
def split_page(tx: Tx, view: Writes, repo_id: str, number: int, form: Annotated[Asked, Query()]) -> Response:
    """Ask how to divide, and show what would come out once that is said."""
    if not form.by:
        return _page(tx, view, repo_id, number, form)
    _, version = hub.get_numbered(tx, view.who, repo_id, number)
    found = view.attempt(lambda: hub.plan_split(tx, view.who, version.id, form.spec(), blobs=view.context.blobs))
    if isinstance(found, Problem):
        return _page(tx, view, repo_id, number, form, problem=found)
    return _page(tx, view, repo_id, number, form, split=found)


@pages.post("/split")
def make_split(tx: Tx, view: Writes, repo_id: str, number: int, form: Annotated[Asked, Form()]) -> Response:
    """Divide the version; the next one has the lists beside its files."""
    _, version = hub.get_numbered(tx, view.who, repo_id, number)
    made = view.attempt(lambda: hub.make_split(tx, view.who, version.id, form.spec(), blobs=view.context.blobs))
    if isinstance(made, Problem):
        return _page(tx, view, repo_id, number, form, problem=made)
    view.toast("The parts are listed in version {number}, in the folder splits.", number=made.number)
    return view.go(f"/data/{repo_id}/versions/{made.number}", folder="splits/")


def _page(tx: Session, view: View, repo_id: str, number: int, form: Asked, *, split: Split | None = None, problem: Problem | None = None) -> Response:
    repo, version = hub.get_numbered(tx, view.who, repo_id, number)
    if repo.tenant_id != view.who.tenant_id:
        raise NotFound(kind="version", id=version.id)
    status = 200 if problem is None else problem.status
    values = {"repo": repo, "version": version, "form": form, "ways": list(GroupBy), "most": MOST_SHOWN}
    return view.page("data/split.html", status, **values, split=split, problem=problem)


def _number(name: str, text: str) -> int:
    if not text.strip().isdecimal() or len(text.strip()) > 9:
        raise Invalid(field=name, reason="Write a whole number.")
    return int(text)
