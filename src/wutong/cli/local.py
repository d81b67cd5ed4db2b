"""`wutong serve`, `stop`, `doctor`, `migrate`, `create-operator`, `lab`: handed to the program of the centre's own machine, never imported."""

import subprocess
import sys

import typer

PASSED_ON = {
    "serve": "Run a centre on this machine.",
    "stop": "Stop the centre on this machine.",
    "doctor": "Check the centre on this machine and say what is wrong.",
    "migrate": "Bring the database to this version's schema.",
    "create-operator": "Create a person of the centre.",
    "lab": "Bring up a private cluster on this machine, for trying things out.",
}
ANYTHING = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def add(app: typer.Typer) -> None:
    """Add the commands; their options are those of `python -m wutong.app`."""
    for name, text in PASSED_ON.items():
        app.command(name, help=text, context_settings=ANYTHING, rich_help_panel="On the centre's machine")(_pass_on)


def _pass_on(context: typer.Context) -> None:
    argv = [sys.executable, "-m", "wutong.app", str(context.info_name), *context.args]
    with subprocess.Popen(argv) as program:
        while True:
            try:
                raise typer.Exit(program.wait())
            except KeyboardInterrupt:
                continue  # the program heard it too, and ends in its own order
