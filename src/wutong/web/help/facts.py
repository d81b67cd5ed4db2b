"""What the handbook says that the code knows better: fields of a job file, error codes, roles, scopes, kinds of notices, numbers of this centre.

Each is Markdown in the reader's language, made when the handbook is first read, so that it cannot say what is not so.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wutong.compute.jobs.rules import JobLimits
from wutong.desk.rules import NoticeKind
from wutong.desk.webhooks.rules import MOST_WEBHOOKS, PAUSES
from wutong.identity.roles import ROLE_PERMISSIONS, TENANT_PERMISSIONS, Permission, Role
from wutong.kit.errors import Problem
from wutong.kit.settings import Settings
from wutong.sdk.jobs import Checkpoint, JobRequest, Mounted, Outputs
from wutong.web.words import Words

# Rooms whose problems are met in a terminal on the centre's own machines, and the pages' own, which no program meets.
_ELSEWHERE: Final = (
    "wutong.app",
    "wutong.cli",
    "wutong.centre.engines",
    "wutong.kit.postgres",
    "wutong.kit.pgprocess",
    "wutong.kit.asuser",
    "wutong.web",
)
# Codes of the JSON door that stand for what HTTP itself refuses.
HTTP_CODES: Final[Mapping[str, tuple[int, str]]] = {
    "bad_request": (400, "The body cannot be read. Send JSON."),
    "no_such_route": (404, "There is nothing at this address. The routes are listed in /api/openapi.json."),
    "method_not_allowed": (405, "This address does not answer to this method. The routes are listed in /api/openapi.json."),
    "unsupported_media_type": (415, "The body is of a kind that this address does not take."),
}


_MAY: Final[Mapping[Permission, str]] = {
    Permission.TENANT_READ: "See the organisation, its people and its tickets, and ask for help.",
    Permission.TENANT_MANAGE: "Change the organisation's profile and its webhooks.",
    Permission.MEMBERS_MANAGE: "Invite people, change their roles, remove them.",
    Permission.MONEY_READ: "See balance, bills, statements and budgets.",
    Permission.MONEY_SPEND: "Buy packages and reservations.",
    Permission.BUDGET_MANAGE: "Set and remove budgets.",
    Permission.JOB_READ: "See jobs, their logs and what they made.",
    Permission.JOB_SUBMIT: "Submit jobs, cancel their own, set secrets, have environments built.",
    Permission.JOB_MANAGE: "Cancel everybody's jobs.",
    Permission.DATA_READ: "See and download data, models and code.",
    Permission.DATA_WRITE: "Upload, divide and delete data, models and code.",
    Permission.DATA_PUBLISH: "Publish data, models and code to every organisation.",
    Permission.TOKEN_MANAGE: "Make and revoke tokens of their own.",
    Permission.AUDIT_READ: "Read the trail of what was changed.",
}
_TOLD: Final[Mapping[NoticeKind, str]] = {
    NoticeKind.JOB_ENDED: "A job has ended: well, with a failure, or cancelled.",
    NoticeKind.BALANCE: "80, 90 or 100 % of the balance are used.",
    NoticeKind.BUDGET: "80, 90 or 100 % of a budget are used, or a job is about to be stopped for lack of money.",
    NoticeKind.MAINTENANCE: "Machines that you use will be in maintenance, or will not after all.",
    NoticeKind.TICKET: "Somebody wrote in a ticket of yours.",
    NoticeKind.INVITATION: "Somebody invites you to an organisation.",
}
_NETWORK: Final = {
    False: "At this centre jobs have no network: they reach neither the internet nor the centre itself.",
    True: "At this centre jobs reach the network, and the centre's API with a token of their own that dies with them.",
}

_ADVICE: Final[Mapping[int, str]] = {
    400: "The request cannot be read. Correct it; sending it again as it is changes nothing.",
    401: "Nobody is signed in, or the token is not valid any more. Sign in again, or make another token.",
    402: "There is not enough money for it. Top up, raise the budget, or ask for less.",
    403: "You are known, and may not do this. Ask an owner or administrator of your organisation.",
    404: "There is no such thing, or it is not yours to see; the two look alike on purpose. Check the id, and which organisation you act for.",
    405: "The address does not do this.",
    409: "The state of the thing does not allow it now. Look at it again, then decide.",
    410: "It is over. Begin a new one.",
    412: "The two sides speak different versions of a protocol.",
    413: "It is larger than may be. Split it, or ask for more room.",
    415: "The bytes are announced as something else.",
    416: "What is asked for begins after the end of the file.",
    422: "A field is refused; the sentence says which, and what would work. Correct it, then send it again.",
    423: "Somebody else writes to it at this moment. Wait a moment, then go on.",
    429: "Too much at once. Wait as long as the header Retry-After says.",
    460: "The bytes were changed on their way. Send them again.",
    500: "Our fault. Quote the number of the request when you ask for help.",
    502: "Something beyond us refused. The sentence says what.",
    503: "Something we depend on does not answer right now. Nothing was lost: wait a moment and send the same again.",
    507: "The centre's storage is full. The operator has to make room first.",
}


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers of this centre that the handbook names."""

    portal: str
    hold_minutes: int
    grace_minutes: int
    upload_gib: int
    open_jobs: int
    log_mib: int
    disk_gib: int
    network: bool

    @classmethod
    def of(cls, settings: Settings) -> "Numbers":
        """Take them from the centre's settings."""
        limits = JobLimits.of(settings)
        held, room = (settings.hold_minutes, settings.grace_minutes), (limits.log_bytes >> 20, limits.disk_mb >> 10)
        return cls(settings.portal, *held, settings.upload_limit_gb, limits.open_jobs, *room, limits.network)


def told(words: Words, numbers: Numbers) -> Mapping[str, Callable[[], str]]:
    """Return what can stand in a chapter as `{{name}}`."""
    return {
        "job_fields": lambda: fields_table(JobRequest, words),
        "mount_fields": lambda: fields_table(Mounted, words),
        "checkpoint_fields": lambda: fields_table(Checkpoint, words),
        "output_fields": lambda: fields_table(Outputs, words),
        "errors": lambda: errors_tables(words),
        "roles": lambda: roles_table(words),
        "scopes": lambda: scopes_table(words),
        "notices": lambda: notices_table(words),
        "portal": lambda: numbers.portal,
        "hold_minutes": lambda: str(numbers.hold_minutes),
        "grace_minutes": lambda: str(numbers.grace_minutes),
        "upload_gib": lambda: str(numbers.upload_gib),
        "open_jobs": lambda: f"{numbers.open_jobs:,}",
        "log_mib": lambda: str(numbers.log_mib),
        "disk_gib": lambda: str(numbers.disk_gib),
        "network": lambda: words.say(_NETWORK[numbers.network]),
        "most_webhooks": lambda: str(MOST_WEBHOOKS),
        "webhook_tries": lambda: str(len(PAUSES)),
    }


def sentences() -> set[str]:
    """Return every sentence that stands in tables and is not told by a problem or an enumeration, for the catalogues."""
    models = (JobRequest, Mounted, Checkpoint, Outputs)
    described = {str(field.description) for model in models for field in model.model_fields.values()}
    return (
        described | {sentence for _, sentence in HTTP_CODES.values()} | set().union(*(table.values() for table in (_ADVICE, _NETWORK, _MAY, _TOLD)))
    )


def fields_table(model: type[JobRequest | Mounted | Checkpoint | Outputs], words: Words) -> str:
    """Return the fields of a part of the job file with kind, default and meaning, out of its published schema."""
    schema = model.model_json_schema()
    head = (words.say("Field"), words.say("Holds"), words.say("Unless said"), words.say("Meaning"))
    rows = []
    for name, field in schema["properties"].items():
        default = words.say("needed") if name in schema.get("required", ()) else _default(field.get("default"))
        meaning = str(field["description"])
        rows.append((f"`{name}`", _kind(field, words), default, words.say(meaning)))
    return table(head, rows)


def errors_tables(words: Words) -> str:
    """Return all error codes with their sentences, a table for each status, each begun by what to do about it."""
    by_status: dict[int, dict[str, str]] = {}
    for code, (status, sentence) in HTTP_CODES.items():
        by_status.setdefault(status, {})[code] = sentence
    for problem in _problems():
        by_status.setdefault(problem.status, {}).setdefault(problem.code, problem.message)
    head = (words.say("Error code"), words.say("Sentence"))
    parts = []
    for status in sorted(by_status):
        rows = [(f"`{code}`", _without_parameters(words.say(sentence))) for code, sentence in sorted(by_status[status].items())]
        what = words.say(_ADVICE[status])
        parts.append(f"## {status} {{#status-{status}}}\n\n{what}\n\n{table(head, rows)}")
    return "\n\n".join(parts)


def roles_table(words: Words) -> str:
    """Return who may do what in an organisation."""
    head = ("", *(words.say(role.value) for role in Role))
    rows = []
    for permission in Permission:
        if permission in TENANT_PERMISSIONS:
            marks = ("✓" if permission in ROLE_PERMISSIONS[role] else "–" for role in Role)
            sentence = _MAY[permission]
            rows.append((words.say(sentence), *marks))
    return table(head, rows)


def scopes_table(words: Words) -> str:
    """Return the scopes a token may be made with."""
    rows = [(f"`{permission.value}`", words.say(sentence)) for permission, sentence in _MAY.items()]
    return table((words.say("Scope"), words.say("Permissions")), rows)


def notices_table(words: Words) -> str:
    """Return what one is told of."""
    return table((words.say("Kind"), words.say("Meaning")), [(f"`{kind.value}`", words.say(sentence)) for kind, sentence in _TOLD.items()])


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table in Markdown; what stands in it is plain text, or code between backticks."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in line)} |" for line in lines)


def _problems(of: type[Problem] = Problem) -> Iterator[type[Problem]]:
    for problem in sorted(of.__subclasses__(), key=lambda each: (each.code, each.__module__)):
        if not problem.__module__.startswith(_ELSEWHERE):
            yield problem
        yield from _problems(problem)


def _without_parameters(sentence: str) -> str:
    """Write what a sentence is filled in with as `‹name›`."""
    out, rest = "", sentence
    while "{" in rest:
        before, _, rest = rest.partition("{")
        name, _, rest = rest.partition("}")
        out += f"{before}‹{name.partition('!')[0].partition(':')[0]}›"
    return (out + rest).replace("*", "\\*").replace("_", "\\_")


def _kind(field: Mapping[str, Any], words: Words) -> str:
    """Say what a field holds."""
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "anyOf" in field:
        kinds = [_kind(each, words) for each in field["anyOf"] if each.get("type") != "null"]
        return words.say("{one} or {other}", one=kinds[0], other=kinds[1]) if len(kinds) == 2 else kinds[0]
    if field.get("type") == "integer":
        return words.say("{low} to {high}", low=f"{field['minimum']:,}", high=f"{field['maximum']:,}")
    return _plain_kind(field, words)


def _plain_kind(field: Mapping[str, Any], words: Words) -> str:
    kinds = {
        "array": words.say("list of text") if field.get("items", {}).get("type") == "string" else words.say("list, see below"),
        "object": words.say("names with values"),
        "boolean": "`true`, `false`",
        "string": words.say("text"),
    }
    return kinds[field["type"]] if "type" in field else words.say("fields, see below")


def _default(value: Any) -> str:
    if value in (None, "", [], {}) or isinstance(value, dict):
        return "–"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
