"""`wutong balance`, `payments`, `bill`, `statement`, `notices`, `budget`: what one has, what it was spent on, and how much it may be."""

import csv
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated

import typer

from wutong.cli import show
from wutong.cli.common import Json, Yes, client
from wutong.cli.members import member_id
from wutong.cli.show import Stop, card_hours, yuan
from wutong.sdk import money

CHINA = timezone(timedelta(hours=8))
"""Bills are made by calendar months of the centre, which are China's."""

budgets = typer.Typer(help="Monthly limits for the organisation and for people.", no_args_is_help=True)

PAYMENTS = ("WHEN", "KIND", ">AMOUNT", "REFERENCE", "?FOR", "?ID")

Person = Annotated[str | None, typer.Option(help="Id or e-mail address of a person; the whole organisation by default.")]
Month = Annotated[str | None, typer.Option(help="Month such as 2026-11; the present one by default.")]


def balance(as_json: Json = False) -> None:
    """Show what your organisation has: free, held for running jobs, owed, and packages and credits."""
    with client() as centre:
        has = money.get_balance(centre)
    if as_json:
        show.print_json(has)
        return
    show.facts([("free", yuan(has.cash_fen)), ("held for jobs", yuan(has.held_fen)), ("owed", yuan(has.debt_fen) if has.debt_fen else None)])
    left = [yuan(c.remaining) if c.unit == "fen" else card_hours(c.remaining) for c in has.credits]
    rows = [(c.label, amount, f"{c.share_permille / 10:g} %", c.valid_until) for c, amount in zip(has.credits, left, strict=True)]
    if rows:
        show.table(("CREDIT", ">LEFT", ">PAYS UP TO", "UNTIL"), rows, empty="")


def topup(as_json: Json = False) -> None:
    """Say how to top up: by bank transfer, with the reference that finds your account."""
    with client() as centre:
        how = money.top_up_instructions(centre)
    if as_json:
        show.print_json(how)
        return
    show.out.print(show.cell(how.sentence))
    show.facts([("reference to give", how.reference)])


def payments(as_json: Json = False) -> None:
    """List what your organisation paid in and was paid back, newest first."""
    with client() as centre:
        found = list(money.list_payments(centre))
    show.listing(found, PAYMENTS, payment_rows(found), empty="Nothing paid yet. `wutong topup` says how.", as_json=as_json)


def payment_rows(found: list[money.Payment]) -> list[tuple[object, ...]]:
    """Write payments as rows of `PAYMENTS`."""
    return [(p.at, p.kind, yuan(p.amount_fen), p.reference, p.memo, p.id) for p in found]


def bill(
    month: Month = None,
    windows: Annotated[bool, typer.Option("--windows", help="Show every usage window of every line, with the engine's record.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Json = False,
) -> None:
    """Show the itemised bill of a month: a line for each job; --windows drills down to what the engine recorded."""
    chosen = month or datetime.now(CHINA).strftime("%Y-%m")
    with client() as centre:
        found = money.get_bill(centre, chosen)
        details = {item.job_id: list(money.list_charges(centre, item.job_id)) for item in found.items} if windows or as_csv else {}
    if as_json:
        rows = {job_id: [w.model_dump(mode="json") for w in items] for job_id, items in details.items()}
        show.print_json({**found.model_dump(mode="json"), "windows": rows})
    elif as_csv:
        write_csv(found, details)
    else:
        show_items(found)
        for item in found.items if windows else []:
            show_windows(item, details[item.job_id])
        show.out.print(f"\ntotal of {chosen}: [bold]{yuan(found.total_fen)}[/bold]")


def show_items(found: money.Bill) -> None:
    """Print a line for each job."""
    columns = ("JOB", "NAME", "?FLAVOUR", ">CARD TIME", "?>FROM PACKAGES", ">AMOUNT")
    rows = [(x.job_id, x.job_name, x.flavour, card_hours(x.card_ms / 1000), card_hours(x.package_seconds), yuan(x.amount_fen)) for x in found.items]
    show.table(columns, rows, empty=f"Nothing was used in {found.month}.")


def show_windows(item: money.BillItem, charges: list[money.Charge]) -> None:
    """Print the usage windows below a job, each with the engine's record it came from and the entry that paid it."""
    show.out.print(f"\n[bold]{show.cell(item.job_name)}[/bold]  {item.job_id}")
    columns = ("WINDOW", "?KIND", "?RUN", ">CARD-SECONDS", ">PER CARD-HOUR", ">AMOUNT", ">RECORD")
    rows = [
        (c.window_start, c.kind, c.run_name, f"{c.card_ms / 1000:.3f}", yuan(c.fen_per_card_hour), yuan(c.amount_fen), c.usage_seq) for c in charges
    ]
    show.table(columns, rows, empty="No windows.")


def write_csv(found: money.Bill, details: dict[str, list[money.Charge]]) -> None:
    """Print a row for each window, for a spreadsheet."""
    rows = csv.writer(sys.stdout)
    rows.writerow(["month", "job", "name", "flavour", "kind", "run", "window_start", "card_ms", "package_seconds", "fen_per_card_hour", "fen"])
    for item in found.items:
        # A leading apostrophe keeps spreadsheets from taking a hostile name for a formula.
        name = f"'{item.job_name}" if item.job_name[:1] in "=+-@\t\r" else item.job_name
        for c in details[item.job_id]:
            money_columns = (c.card_ms, c.package_seconds, c.fen_per_card_hour, c.amount_fen)
            rows.writerow([found.month, item.job_id, name, item.flavour, c.kind, c.run_name, c.window_start.isoformat(), *money_columns])


def statement(
    days: Annotated[int, typer.Option(help="How many days back.")] = 31,
    as_json: Json = False,
) -> None:
    """Show the movements of your money in time order, each with its cause."""
    with client() as centre:
        lines = list(money.list_statement(centre, since=datetime.now(UTC) - timedelta(days=days)))
    rows = [(x.at, x.kind, yuan(x.amount_fen), yuan(x.balance_after), x.memo, f"{x.cause_kind} {x.cause_id}") for x in lines]
    show.listing(lines, ("WHEN", "?KIND", ">AMOUNT", ">BALANCE", "WHAT", "?CAUSE"), rows, empty="No movements yet.", as_json=as_json)


def notices(
    most: Annotated[int, typer.Option("--limit", "-n", help="How many at most, newest first.")] = 30,
    as_json: Json = False,
) -> None:
    """Show warnings about money: little left, jobs that had to stop, limits reached."""
    with client() as centre:
        found = list(money.list_notices(centre, most=most))
    rows = [(n.at, n.kind, n.job_id, n.sentence) for n in found]
    show.listing(found, ("WHEN", "?KIND", "JOB", "WHAT"), rows, empty="No warnings.", as_json=as_json)


@budgets.command("ls")
def list_budgets(as_json: Json = False) -> None:
    """Show limits and what is spent of them."""
    with client() as centre:
        found = money.list_budgets(centre)
    rows = [(b.person_id or "the organisation", yuan(b.limit_fen), yuan(b.spent_fen), b.month) for b in found]
    show.listing(found, ("FOR", ">LIMIT", ">SPENT", "MONTH"), rows, empty="No limits are set.", as_json=as_json)


@budgets.command("set")
def set_budget(
    amount: Annotated[str, typer.Argument(help="Yuan a month.")],
    person: Person = None,
    as_json: Json = False,
) -> None:
    """Set a monthly limit."""
    limit = fen(amount)
    with client() as centre:
        set_to = money.set_budget(centre, limit, member_id(centre, person) if person else None)
    sentence = f"{show.cell(person or 'The organisation')} may spend {yuan(set_to.limit_fen)} a month."
    show.outcome(set_to, sentence, as_json=as_json)


@budgets.command("rm")
def remove_budget(person: Person = None, yes: Yes = False) -> None:
    """Remove a monthly limit, so that nothing but the balance limits what is spent."""
    whose = person or "the organisation"
    show.confirm(f"Remove the limit of {whose}?", yes=yes)
    with client() as centre:
        money.remove_budget(centre, member_id(centre, person) if person else None)
    show.out.print(f"The limit of {show.cell(whose)} is removed.")


def fen(text: str) -> int:
    """Read yuan such as 12.50 as fen."""
    whole, _, rest = text.replace(",", "").removeprefix("¥").partition(".")
    digits = whole + rest
    if not (whole and digits.isascii() and digits.isdigit()) or len(rest) > 2:
        raise Stop(f"{text} is not an amount of yuan such as 120 or 99.50.")
    return int(whole) * 100 + int(rest.ljust(2, "0"))
