"""`wutong webhook`: addresses of one's own that are told what happens to the organisation."""

from typing import Annotated

import typer

from wutong.cli import show
from wutong.cli.common import Json, Yes, checked, client
from wutong.sdk import webhooks

app = typer.Typer(help="Addresses that are told what happens to your organisation.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="Id of the webhook; `wutong webhook ls` lists them.")]
Kinds = Annotated[list[str] | None, typer.Option("--kind", help="A kind of notice, such as job_ended; repeatable. All by default.")]


@app.command("ls")
def list_webhooks(as_json: Json = False) -> None:
    """List webhooks."""
    with client() as centre:
        found = webhooks.list_webhooks(centre)
    rows = [(w.id, w.url, "on" if w.enabled else "off", ", ".join(w.kinds), w.problem) for w in found]
    show.listing(found, ("ID", "ADDRESS", "STATE", "?KINDS", "?PROBLEM"), rows, empty="No webhooks.", as_json=as_json)


@app.command()
def add(url: Annotated[str, typer.Argument(help="Address, https://...")], kind: Kinds = None, as_json: Json = False) -> None:
    """Have an address told. The secret shown signs its messages; it is not shown again."""
    wanted = checked(webhooks.NewWebhook, {"url": url, "kinds": kind})
    with client() as centre:
        made = webhooks.add_webhook(centre, wanted.url, wanted.kinds)
    show.outcome(
        made, f"{made.secret}\n[dim]{made.webhook.id} signs with it. `wutong webhook test {made.webhook.id}` tries it.[/dim]", as_json=as_json
    )


@app.command()
def change(
    webhook: Id,
    kind: Kinds = None,
    enabled: Annotated[bool | None, typer.Option("--on/--off", help="Switch it on or off.")] = None,
    as_json: Json = False,
) -> None:
    """Change what a webhook is told of, or switch it off and on."""
    wanted = checked(webhooks.WebhookChange, {"kinds": kind, "enabled": enabled})
    with client() as centre:
        changed = webhooks.change_webhook(centre, webhook, wanted)
    show.outcome(changed, f"{changed.id} is {'on' if changed.enabled else 'off'}, for {', '.join(changed.kinds)}.", as_json=as_json)


@app.command("test")
def try_out(webhook: Id, as_json: Json = False) -> None:
    """Send a message that says nothing, to see whether it arrives."""
    with client() as centre:
        made = webhooks.test_webhook(centre, webhook)
    show.outcome(made, f"{made.id} is on its way. `wutong webhook deliveries {show.cell(webhook)}` shows whether it arrived.", as_json=as_json)


@app.command()
def deliveries(webhook: Id, most: Annotated[int, typer.Option("--limit", "-n", help="How many.", min=1)] = 20, as_json: Json = False) -> None:
    """List the messages to a webhook, newest first."""
    with client() as centre:
        found = list(webhooks.list_deliveries(centre, webhook, most=most))
    rows = [(d.id, d.kind, d.state, d.tries, d.status, d.problem, d.made_at) for d in found]
    columns = ("ID", "KIND", "STATE", ">TRIES", ">STATUS", "PROBLEM", "?MADE")
    show.listing(found, columns, rows, empty="No messages.", as_json=as_json)


@app.command()
def retry(webhook: Id, delivery: Annotated[str, typer.Argument(help="Id of the message.")], as_json: Json = False) -> None:
    """Try a message again that was given up."""
    with client() as centre:
        made = webhooks.retry_delivery(centre, webhook, delivery)
    show.outcome(made, f"{made.id} is on its way again.", as_json=as_json)


@app.command()
def secret(webhook: Id, yes: Yes = False) -> None:
    """Sign with another secret from now on."""
    show.confirm(f"Sign messages to {webhook} with another secret?", yes=yes)
    with client() as centre:
        show.out.print(show.cell(webhooks.renew_secret(centre, webhook)))


@app.command("rm")
def remove(webhook: Id, yes: Yes = False) -> None:
    """Tell an address no more, and forget its messages."""
    show.confirm(f"Remove {webhook}?", yes=yes)
    with client() as centre:
        webhooks.remove_webhook(centre, webhook)
    show.out.print(f"{show.cell(webhook)} is told no more.")
