"""What a job is to be: a job file, options that go before what it says, and the check of both together."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wutong.cli.show import Stop
from wutong.sdk import jobfile
from wutong.sdk.jobs import JobRequest


def gather(file: Path | None, given: Mapping[str, Any], *, data: Sequence[str], variables: Sequence[str], model: str | None) -> dict[str, Any]:
    """Put together what the file says and what the options say; an option that was not given is None."""
    fields = read_file(file) if file else {}
    fields.update({field: value for field, value in given.items() if value is not None})
    if data:
        fields["datasets"] = [mounted(text) for text in data]
    if variables:
        fields["env"] = {**named(fields, "env"), **dict(pair(text) for text in variables)}
    if model:
        fields["outputs"] = {**named(fields, "outputs"), "model": model}
    return fields


def named(fields: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """Return the part of a job file to which an option adds."""
    part = fields.get(field) or {}
    if not isinstance(part, Mapping):
        raise Stop(f"{field} in the job file must hold names with values. `wutong job schema` prints the fields of a job.")
    return part


def read_file(path: Path) -> dict[str, Any]:
    """Read a job file into plain fields."""
    try:
        return jobfile.read_fields(path.read_text(encoding="utf-8"), toml=path.suffix == ".toml")
    except OSError as error:
        raise Stop(f"{path} cannot be read: {error.strerror}.") from None
    except (jobfile.BadJobFile, UnicodeDecodeError) as error:
        raise Stop(f"{path}: {error} `wutong job schema` prints the fields of a job.") from None


def parse(fields: dict[str, Any]) -> JobRequest:
    """Check the fields, and say every one that is wrong."""
    try:
        return jobfile.parse(fields)
    except jobfile.BadJobFile as wrong:
        raise Stop(f"{wrong} `wutong job schema` prints the fields of a job.") from None


def mounted(text: str) -> dict[str, str]:
    """Read `name=ref` or `ref` as a mount; without a name, the repository's own serves."""
    name, _, ref = text.rpartition("=")
    return {"ref": ref, "path": name}


def checkpoint(text: str) -> dict[str, Any]:
    """Read SIGNAL or SIGNAL:SECONDS."""
    signal, colon, seconds = text.partition(":")
    if colon and not seconds.isdecimal():
        raise Stop(f"--checkpoint {text}: write it as SIGNAL or SIGNAL:SECONDS, such as SIGUSR1:120.")
    return {"signal": signal, **({"grace_s": int(seconds)} if colon else {})}


def pair(text: str) -> tuple[str, str]:
    """Read NAME=value."""
    name, equals, value = text.partition("=")
    if not equals:
        raise Stop(f"--env {text}: write it as NAME=value.")
    return name, value
