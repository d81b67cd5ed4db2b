"""The command `wutong`. It talks to a centre over HTTP and imports nothing of the server, so that it starts quickly."""

import os
import sys
from typing import Annotated

import typer

from wutong.cli import (
    account,
    admin,
    announcements,
    catalogue,
    forecast,
    job,
    local,
    members,
    money,
    notices,
    orders,
    profile,
    push,
    show,
    splits,
    storage,
    tickets,
    webhooks,
)
from wutong.cli.show import Stop
from wutong.sdk.data import RepoKind
from wutong.sdk.errors import ApiError

# The API says what would work at the API; these are what works at the command.
OUR_WORDS = {
    "unauthenticated": "Your sign-in is not valid any more. Run `wutong login`, or set WUTONG_TOKEN to a token that is.",
    "no_tenant": "You are not acting for an organisation. `wutong login --tenant` chooses one of yours, `wutong join` takes an invitation.",
}

app = typer.Typer(
    name="wutong",
    help="Buy compute, push data, run jobs, own the model, see the bill.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(account.register)
app.command()(account.join)
app.command()(account.login)
app.command()(account.logout)
app.command()(account.whoami)
app.command()(catalogue.flavors)
app.command()(catalogue.maintenance)
app.command("forecast")(forecast.accuracy)
app.command()(forecast.plan)
app.command()(money.balance)
app.command()(money.topup)
app.command()(money.payments)
app.command()(money.bill)
app.command()(money.statement)
app.command()(money.notices)
app.command()(storage.storage)
app.add_typer(job.app, name="job")
data = push.commands(RepoKind.DATASET, "data set")
data.command()(splits.split)
data.command()(storage.uploads)
data.command()(storage.give_up)
app.add_typer(data, name="data")
app.add_typer(push.commands(RepoKind.MODEL, "model"), name="model")
app.add_typer(push.commands(RepoKind.CODE, "code version"), name="code")
app.add_typer(catalogue.environments, name="env")
app.add_typer(orders.app, name="order")
app.add_typer(money.budgets, name="budget")
app.add_typer(account.tokens, name="token")
app.add_typer(members.app, name="member")
app.add_typer(account.secrets, name="secret")
app.add_typer(admin.app, name="admin")
app.add_typer(tickets.app, name="ticket")
app.add_typer(notices.app, name="inbox")
app.add_typer(webhooks.app, name="webhook")
app.add_typer(profile.passwords, name="password")
app.command()(profile.profile)
app.command("announcements")(announcements.list_current)
announcements.add(admin.app)
local.add(app)


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.", envvar="WUTONG_DEBUG")] = False,
    url: Annotated[str | None, typer.Option(help="Address of the centre, for this command.")] = None,
) -> None:
    """Take the options that come before the command's name."""
    os.environ["WUTONG_DEBUG"] = "1" if debug else ""
    if url:
        os.environ["WUTONG_URL"] = url


def run() -> None:
    """Run the command; an error is one sentence on standard error and a status that is not 0."""
    try:
        app()
    except (Stop, ApiError, OSError) as error:
        if os.environ.get("WUTONG_DEBUG"):
            raise
        if isinstance(error, BrokenPipeError):
            sys.stderr.close()
            sys.exit(141)
        sentence = OUR_WORDS.get(error.code, error.message) if isinstance(error, ApiError) else error
        show.err.print(f"[red]{show.cell(sentence)}[/red]")
        sys.exit(error.status if isinstance(error, Stop) else 1)


if __name__ == "__main__":
    run()
