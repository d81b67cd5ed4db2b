"""The form of a job: what its fields hold, and the request they make. Pure; the form and the job file say the same in both directions."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wutong.sdk import jobfile
from wutong.sdk.jobfile import BadJobFile
from wutong.sdk.jobs import JobRequest

Form = dict[str, list[str]]
"""Values of fields by name, as a browser sends them."""

UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
_TEXTS = ("name", "code", "environment", "flavour", "launch", "on_rank_failure", "priority", "array")
_NUMBERS = ("nodes", "processes", "rank_restarts", "tries")
_MOUNTS = (("datasets", "dataset"), ("models", "model"))


def form_of(request: JobRequest) -> Form:
    """Return what the fields hold for a request."""
    form = {name: [str(getattr(request, name) or "")] for name in (*_TEXTS, *_NUMBERS)}
    form["command"] = [request.command if isinstance(request.command, str) else json.dumps(request.command, ensure_ascii=False)]
    if isinstance(request.command, str) and _as_words(request.command) is not None:
        form["command"] = [json.dumps(["/bin/sh", "-c", request.command], ensure_ascii=False)]
    form["time_limit"], form["time_unit"] = ([part] for part in _with_unit(request.time_limit_s))
    for field, name in _MOUNTS:
        mounts = getattr(request, field)
        form[f"{name}_ref"], form[f"{name}_path"] = [mount.ref for mount in mounts], [mount.path for mount in mounts]
    form["secrets"], form["after"] = list(request.secrets), [" ".join(request.after)]
    form["env"], form["labels"] = [_lines(request.env)], [_lines(request.labels)]
    form["checkpoint_signal"] = [request.checkpoint.signal if request.checkpoint else ""]
    form["checkpoint_grace_s"] = [str(request.checkpoint.grace_s if request.checkpoint else 60)]
    form["output_model"], form["output_folder"] = [request.outputs.model or ""], [request.outputs.folder]
    form["keep_on_failure"] = ["yes"] if request.outputs.keep_on_failure else []
    return form


def fields_of(form: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return a job file's fields for what the form's hold; raises `BadJobFile` for what is no number or no pair."""
    fields: dict[str, Any] = {name: value for name in _TEXTS if (value := _one(form, name))}
    fields |= {name: _number(name, value) for name in _NUMBERS if (value := _one(form, name))}
    fields["command"] = _command(form.get("command", [""])[0] if form.get("command") else "")
    if limit := _one(form, "time_limit"):
        fields["time_limit_s"] = _number("time_limit", limit) * UNITS.get(_one(form, "time_unit"), 1)
    for field, name in _MOUNTS:
        fields[field] = _mounts(form.get(f"{name}_ref", ()), form.get(f"{name}_path", ()))
    fields["secrets"] = [name for name in form.get("secrets", ()) if name]
    fields["after"] = _one(form, "after").replace(",", " ").split()
    fields["env"], fields["labels"] = _pairs("env", form), _pairs("labels", form)
    if signal := _one(form, "checkpoint_signal"):
        fields["checkpoint"] = {"signal": signal, "grace_s": _number("checkpoint_grace_s", _one(form, "checkpoint_grace_s") or "60")}
    outputs = {"model": _one(form, "output_model"), "folder": _one(form, "output_folder"), "keep_on_failure": bool(_one(form, "keep_on_failure"))}
    fields["outputs"] = {name: value for name, value in outputs.items() if value}
    return {name: value for name, value in fields.items() if value not in ([], {})}


def request_of(form: Mapping[str, Sequence[str]]) -> JobRequest:
    """Return the request that the form makes; raises `BadJobFile`."""
    return jobfile.parse(fields_of(form))


def _one(form: Mapping[str, Sequence[str]], name: str) -> str:
    return next((value.strip() for value in form.get(name, ())), "")


def _number(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise BadJobFile(f"{name}: Write a whole number.") from None


def _with_unit(seconds: int) -> tuple[str, str]:
    unit = next(unit for unit in reversed(UNITS) if seconds % UNITS[unit] == 0)
    return str(seconds // UNITS[unit]), unit


def _command(text: str) -> str | list[str]:
    """Return the shell line, or the words where it is a JSON list of them. Browsers send lines that end in CR LF."""
    text = text.replace("\r\n", "\n")
    return _as_words(text) or text


def _as_words(text: str) -> list[str] | None:
    if not text.lstrip().startswith("["):
        return None
    try:
        words = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return words if isinstance(words, list) and words and all(isinstance(word, str) for word in words) else None


def _mounts(refs: Sequence[str], paths: Sequence[str]) -> list[dict[str, str]]:
    padded = [*paths, *[""] * (len(refs) - len(paths))]
    pairs = [(ref.strip(), path.strip()) for ref, path in zip(refs, padded, strict=False)]
    return [{"ref": ref, "path": path} if path else {"ref": ref} for ref, path in pairs if ref or path]


def _lines(pairs: Mapping[str, str]) -> str:
    return "\n".join(f"{name}={_quoted(value)}" for name, value in pairs.items())


def _quoted(value: str) -> str:
    plain = value == value.strip() and value.isprintable() and not value.startswith('"')
    return value if plain else json.dumps(value, ensure_ascii=False)


def _pairs(name: str, form: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return dict(_pair(name, line) for line in _split(form.get(name, ())) if line.strip())


def _split(values: Iterable[str]) -> list[str]:
    return [line for value in values for line in value.replace("\r\n", "\n").split("\n")]


def _pair(field: str, line: str) -> tuple[str, str]:
    name, equals, value = line.strip().partition("=")
    if not equals:
        raise BadJobFile(f"{field}: Write NAME=value, one a line.")
    if value.startswith('"'):
        try:
            unquoted = json.loads(value)
        except ValueError:
            unquoted = value
        value = unquoted if isinstance(unquoted, str) else value
    return name.strip(), value
