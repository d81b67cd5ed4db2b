"""`wutong admin payment`: top-ups and refunds that one person of finance enters and another approves."""

from typing import Annotated

import typer

from wutong.cli import show
from wutong.cli.common import Json, Yes, checked, client
from wutong.cli.money import fen
from wutong.cli.show import yuan
from wutong.sdk import payments
from wutong.sdk.payments import ProposalStateName

app = typer.Typer(help="Payments that one person enters and another approves.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="Id of the entered payment; `wutong admin payment ls` lists them.")]
COLUMNS = ("ID", "STATE", "KIND", ">AMOUNT", "TENANT", "?REFERENCE", "?ENTERED BY", "?DECIDED BY", "?NOTE", "?WHEN")


@app.command()
def propose(
    tenant: Annotated[str, typer.Argument(help="Id of the tenant.")],
    amount: Annotated[str, typer.Argument(help="Yuan that arrived, or that go back with --refund.")],
    reference: Annotated[str, typer.Option(help="The bank's reference; each counts once.")],
    refund: Annotated[bool, typer.Option("--refund", help="Money paid back to the tenant instead of a top-up.")] = False,
    memo: Annotated[str, typer.Option(help="What it is for.")] = "",
    as_json: Json = False,
) -> None:
    """Enter a payment for another person of finance to approve."""
    fields = {"tenant_id": tenant, "kind": "refund" if refund else "top_up", "amount_fen": fen(amount), "reference": reference, "memo": memo}
    with client() as centre:
        made = payments.propose_payment(centre, checked(payments.ProposalRequest, fields))
    waits = "It counts." if made.state == "approved" else f"Another person approves it: wutong admin payment approve {made.id}"
    show.outcome(made, f"{yuan(made.amount_fen)} entered for {show.cell(made.tenant_id)} as {made.id}. {waits}", as_json=as_json)


@app.command("ls")
def list_proposals(
    state: Annotated[ProposalStateName | None, typer.Option(help="Only payments in this state.")] = None,
    most: Annotated[int, typer.Option("--limit", "-n", help="How many at most, newest first.", min=1)] = 30,
    as_json: Json = False,
) -> None:
    """List payments that were entered, newest first."""
    with client() as centre:
        found = list(payments.list_proposals(centre, state=state, most=most))
    rows = [
        (p.id, p.state, p.kind, yuan(p.amount_fen), p.tenant_id, p.reference, p.proposed_by, p.decided_by, p.note or p.memo, p.proposed_at)
        for p in found
    ]
    show.listing(found, COLUMNS, rows, empty="No payments were entered.", as_json=as_json)


@app.command()
def approve(payment: Id, yes: Yes = False, as_json: Json = False) -> None:
    """Let a payment count that another entered."""
    show.confirm(f"Let {payment} count?", yes=yes)
    with client() as centre:
        done = payments.approve_payment(centre, payment)
    show.outcome(done, f"{yuan(done.amount_fen)} counts for {show.cell(done.tenant_id)} as {done.payment_id}.", as_json=as_json)


@app.command()
def reject(payment: Id, reason: Annotated[str, typer.Option(help="Why; whoever entered it reads this.")], as_json: Json = False) -> None:
    """Refuse a payment that another entered. Its bank reference is free again."""
    with client() as centre:
        done = payments.reject_payment(centre, payment, checked(payments.ProposalRejection, {"reason": reason}).reason)
    show.outcome(done, f"{done.id} is rejected.", as_json=as_json)


@app.command()
def withdraw(payment: Id, as_json: Json = False) -> None:
    """Take back a payment that you entered and nobody decided on."""
    with client() as centre:
        done = payments.withdraw_payment(centre, payment)
    show.outcome(done, f"{done.id} is withdrawn.", as_json=as_json)
