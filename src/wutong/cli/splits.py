"""`wutong data split`: divide a version so that what belongs together stays on one side."""

from typing import Annotated, Any

import typer

from wutong.cli import show
from wutong.cli.common import Json, Yes, checked, client
from wutong.cli.push import Ref
from wutong.cli.show import Stop
from wutong.sdk import data
from wutong.sdk import splits as wire
from wutong.sdk.data import RepoKind

MOST_SHOWN = 10


def split(
    ref: Ref,
    by: Annotated[str, typer.Option(help="How a file's group is told: folder, pattern or listing.")] = "folder",
    shares: Annotated[str, typer.Option(help="Shares of training, validation and test in per cent.")] = "80/10/10",
    level: Annotated[int, typer.Option(help="By folder: so many folders of a path name its group.")] = 1,
    pattern: Annotated[str, typer.Option(help="By pattern: a regular expression whose parenthesis names the group.")] = "",
    listing: Annotated[str, typer.Option(help="By listing: `file.csv:path column:group column`, a file of the version.")] = "",
    prefix: Annotated[str, typer.Option(help="Divide only files below this.")] = "",
    seed: Annotated[int, typer.Option(help="Another number gives another split.")] = 0,
    together: Annotated[bool, typer.Option("--together", help="Keep groups that share an equal file on one side.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would come out.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Divide a data set into training, validation and test parts; no group of files falls on two sides."""
    fields = {"by": by, "level": level, "pattern": pattern, "prefix": prefix, "seed": seed, "together": together}
    wanted = checked(wire.SplitRequest, {**fields, **_shares(shares), **_listing(listing)})
    with client() as centre:
        version = data.resolve(centre, RepoKind.DATASET, ref)
        plan = wire.plan_split(centre, version.id, wanted)
        if dry_run and as_json:
            show.print_json(plan)
            return
        if not as_json:
            _tell(plan)
        if dry_run:
            return
        show.confirm("Make this split as the next version?", yes=yes or as_json)
        made = wire.make_split(centre, version.id, wanted)
    name = ref.partition("@")[0]
    show.outcome(made.model_dump(mode="json"), f"{show.cell(name)}@{made.number}: the lists are in its folder splits.", as_json=as_json)


def _shares(text: str) -> dict[str, int]:
    parts = text.replace(":", "/").split("/")
    if len(parts) not in (2, 3) or not all(part.strip().isdecimal() for part in parts):
        raise Stop(f"{text} are no shares. Write them in per cent, such as 80/10/10, or 80/20 without a test part.")
    return dict(zip(("train", "val", "test"), [*(int(part) for part in parts), 0], strict=False))


def _listing(text: str) -> dict[str, Any]:
    if not text:
        return {}
    file, first, columns = text.partition(":")
    path_column, second, group_column = columns.partition(":")
    if not first or not second:
        raise Stop(f"{text} is no listing. Write file.csv:path column:group column.")
    return {"listing": file, "path_column": path_column, "group_column": group_column}


def _tell(plan: wire.SplitPlan) -> None:
    total = sum(part.files for part in plan.parts) or 1
    rows = [(p.name, f"{p.wanted} %", f"{100 * p.files / total:.1f} %", p.groups, p.files, show.size(p.size_bytes)) for p in plan.parts]
    show.table(("PART", ">ASKED", ">GOT", ">GROUPS", ">FILES", ">SIZE"), rows, empty="No parts.")
    if plan.outside_count:
        show.out.print(f"{show.count(plan.outside_count, 'file')} of no group left out, such as {show.cell(plan.outside[0])}")
    if plan.too_large:
        named = ", ".join(show.cell(name) for name in plan.too_large[:MOST_SHOWN])
        show.out.print(f"Larger than the smallest part: {named}. Groups are never divided.")
    for one, other in plan.leaks[:MOST_SHOWN]:
        show.out.print(f"[yellow]Equal files on two sides: {show.cell(one)} and {show.cell(other)}[/yellow]")
    if plan.leak_count:
        show.out.print("[yellow]Use --together to keep such groups on one side.[/yellow]")
