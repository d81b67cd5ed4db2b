"""What travels over the agent's socket: a frame of a JSON head and raw bytes, and the plain types of the protocol as JSON."""

import json
import struct
from dataclasses import asdict, fields
from typing import Any

from wutong.centre.engines.protocol import Absent, Accepted, EndReason, Launch, Mount, Phase, Refused, RunSpec, Sighting, Unknown

HEAD = struct.Struct("!II")
LARGEST_FRAME = 16 * 1024 * 1024
SOCKET = "agent.sock"
_SPEC = tuple(field.name for field in fields(RunSpec))
_SIGHTING = tuple(field.name for field in fields(Sighting))


class BadFrame(ValueError):
    """The other side does not speak our protocol."""


def pack(head: dict[str, Any], body: bytes = b"") -> bytes:
    """Return one frame: the lengths of head and body, the head as JSON, the body as it is."""
    text = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode()
    return HEAD.pack(len(text), len(body)) + text + body


def unpack(data: bytearray) -> tuple[dict[str, Any], bytes] | None:
    """Take one whole frame off the front of the buffer, or return None when more bytes must come first."""
    if len(data) < HEAD.size:
        return None
    head_size, body_size = HEAD.unpack_from(data)
    if head_size + body_size > LARGEST_FRAME:
        raise BadFrame
    end = HEAD.size + head_size + body_size
    if len(data) < end:
        return None
    try:
        head = json.loads(bytes(data[HEAD.size : HEAD.size + head_size]))
    except ValueError as error:
        raise BadFrame from error
    if not isinstance(head, dict):
        raise BadFrame
    body = bytes(data[HEAD.size + head_size : end])
    del data[:end]
    return head, body


def spec_to_json(spec: RunSpec) -> dict[str, Any]:
    """Return the run as plain JSON values."""
    values = {name: getattr(spec, name) for name in _SPEC}
    values["mounts"] = [asdict(mount) for mount in spec.mounts]
    values["argv"] = list(spec.argv)
    values["environment"] = dict(spec.environment)
    values["sealed_environment"] = dict(spec.sealed_environment)
    return values


def spec_from_json(values: dict[str, Any]) -> RunSpec:
    """Return the run; fields of a newer version are left out."""
    kept = {key: value for key, value in values.items() if key in _SPEC}
    kept["mounts"] = tuple(Mount(**mount) for mount in kept.get("mounts", ()))
    kept["argv"] = tuple(kept["argv"])
    kept["launch"] = Launch(kept.get("launch", Launch.ONCE))
    return RunSpec(**kept)


def sighting_to_json(sighting: Sighting) -> dict[str, Any]:
    """Return the sighting without what it does not say."""
    return {name: value for name in _SIGHTING if (value := getattr(sighting, name)) is not None}


def sighting_from_json(values: dict[str, Any]) -> Sighting:
    """Return the sighting."""
    kept = {key: value for key, value in values.items() if key in _SIGHTING}
    kept["phase"] = Phase(kept["phase"])
    if "reason" in kept:
        kept["reason"] = EndReason(kept["reason"])
    return Sighting(**kept)


def verdict_to_json(verdict: Accepted | Refused | Absent | Unknown) -> dict[str, Any]:
    """Return an answer that carries no value."""
    match verdict:
        case Accepted():
            return {"answer": "accepted"}
        case Refused(sentence):
            return {"answer": "refused", "sentence": sentence}
        case Absent():
            return {"answer": "absent"}
        case Unknown(why):
            return {"answer": "unknown", "why": why}


def verdict_from_json(values: dict[str, Any]) -> Accepted | Refused | Absent | Unknown:
    """Return an answer that carries no value; anything not understood is Unknown."""
    match values.get("answer"):
        case "accepted":
            return Accepted()
        case "refused":
            return Refused(str(values.get("sentence", "")))
        case "absent":
            return Absent()
        case _:
            return Unknown(str(values.get("why", "The agent answered something this version does not understand.")))
