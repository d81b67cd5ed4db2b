"""The portal's languages: which one a reader gets, and the catalogues. English is the source; a folder of Babel catalogues translates it.

Catalogues are split by noun (`words/zh/jobs.po`) and read once a process, when the first page in their language is asked for.
"""

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

from babel.messages.pofile import read_po

from wutong.centre.comparison.rules import DifferenceKind
from wutong.centre.maintenance.rules import WindowState
from wutong.centre.rules import EndReason, NodeState, PoolState, Service
from wutong.compute.billing.rules import ChargeKind, Unrated
from wutong.compute.jobs.rules import Cause, JobState, WaitReason
from wutong.compute.orders.proposal_rules import ProposalState
from wutong.compute.orders.rules import OrderKind, OrderState, PaymentKind
from wutong.desk.rules import Channel, NoticeKind
from wutong.desk.tickets.rules import TicketState
from wutong.desk.webhooks.rules import DeliveryState
from wutong.hub.rules import RepoKind, Visibility
from wutong.identity.rules import CentreRole, Permission, Role, TenantKind, TenantState
from wutong.kit.errors import Problem
from wutong.ledger.rules import TransferKind

LANGUAGES: Final[Mapping[str, str]] = {"zh": "中文", "en": "English"}
DEFAULT: Final = "zh"
COOKIE: Final = "wutong_language"
LONGEST_RETOLD: Final = 800
# What the catalogues write before the name of a field, so that a file that somebody called `name` keeps its name.
FIELD: Final = "field: "
FEWEST_LETTERS: Final = 7
MOST_PARAMS: Final = 5
FOLDER: Final = Path(__file__).parent / "words"
_TOLD = frozenset({"have", "kind", "largest", "reason", "state", "what"})
"""Parameters that may hold words of ours. Others hold names, which are nobody's to translate."""
_SENTENCES = re.compile(r"(?<=[.!?]) (?=[A-Z])")
_CLAUSES = re.compile(r"; ")
_VALUE = re.compile(r"[a-z]+(_[a-z]+)+")
"""How enumerations are written; English has no words for them but their own."""
_ACCEPTED = re.compile(r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q=([0-9.]+))?\s*")


def choose(cookie: str | None, accepted: str, preferred: str | None = None) -> str:
    """Return the language for a reader: what was switched to, what the person's settings say, what the browser asks for, Chinese."""
    for wish in (cookie, preferred):
        if wish in LANGUAGES:
            return str(wish)
    found: list[tuple[str, str]] = _ACCEPTED.findall(accepted)
    ranked = sorted((-float(quality or 1), at, tag.lower()) for at, (tag, quality) in enumerate(found) if _is_number(quality or "1"))
    for _, _, tag in ranked:
        if tag in LANGUAGES:
            return tag
    return DEFAULT


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\d(\.\d{0,3})?", text) is not None


@dataclass(frozen=True, eq=False)
class Words:
    """One language: `say` translates a sentence and fills in its parameters."""

    language: str
    catalogue: Mapping[str, str]

    @property
    def tag(self) -> str:
        """The language as HTML and browsers name it."""
        return "zh-CN" if self.language == "zh" else self.language

    def say(self, sentence: str, /, **params: Any) -> str:
        """Return the sentence in this language, with its parameters; one that is not translated stays English."""
        text = self.catalogue.get(sentence)
        if text is None:
            text = sentence.replace("_", " ") if _VALUE.fullmatch(sentence) else sentence
        return text.format(**params) if params else text

    def count(self, one: str, many: str, number: int, /, **params: Any) -> str:
        """Return the sentence for this number, which is its parameter `n`; Chinese has one form, English two."""
        return self.say(one if number == 1 and self.language == "en" else many, n=number, **params)

    def retell(self, sentence: str) -> str:
        """Return in this language a sentence that was made earlier: one that is stored, or that rules below the pages have put together."""
        return _retold(self, sentence)

    def _retell(self, sentence: str) -> str:
        known = self._known(sentence)
        if known is not None or not self.catalogue:
            return known or self.say(sentence)
        ways = [(between.split(sentence), joint) for between, joint in ((_SENTENCES, " "), (_CLAUSES, "; "))]
        told = [joint.join(self._pieces(parts, joint)) for parts, joint in ways if len(parts) > 1]
        return min(told, key=_letters, default=sentence)

    def _known(self, sentence: str) -> str | None:
        """Return what the catalogue has for a sentence, or for the template it was made of."""
        if sentence in self.catalogue:
            return self.say(sentence)
        for template in _templates(self.language) if self.catalogue and len(sentence) <= LONGEST_RETOLD else ():
            params = template.read(sentence)
            if params is not None and not any(_spans(value) for name, value in params.items() if name not in _TOLD):
                return self.say(template.text, **{name: self.retell(value) if name in _TOLD else value for name, value in params.items()})
        return None

    def _pieces(self, parts: list[str], joint: str) -> Iterator[str]:
        """Yield what is told piece by piece, a piece being as many parts as the catalogue has together."""
        while parts:
            known = ((size, self._known(joint.join(parts[:size]))) for size in range(len(parts), 0, -1))
            size, told = next(((size, told) for size, told in known if told is not None), (1, None))
            yield told if told is not None else self.retell(parts[0])
            parts = parts[size:]

    def problem(self, problem: Problem) -> str:
        """Return a problem's sentence. A parameter that is a sentence itself is translated too."""
        params = {name: self.retell(value) if isinstance(value, str) else value for name, value in problem.params.items()}
        if isinstance(field := problem.params.get("field"), str):
            params["field"] = self.field(field)
        try:
            return self.say(problem.message).format(**params)
        except (KeyError, IndexError, ValueError):
            return problem.sentence()

    def field(self, name: str) -> str:
        """Return what a person calls a field of a form: `limit_fen` is a limit. What has no name in the catalogue stays what it is."""
        own = self.catalogue.get(FIELD + name)
        return own if own is not None else self.say(name.removesuffix("_fen").removesuffix("_gib"))


@dataclass(frozen=True, slots=True)
class Template:
    """A sentence with parameters, and how to read them out of one that was made of it."""

    text: str
    begins: str
    ends: str
    pattern: re.Pattern[str]

    def read(self, sentence: str) -> dict[str, str] | None:
        """Return the parameters of a sentence made of this template, None for another."""
        if not (sentence.startswith(self.begins) and sentence.endswith(self.ends)):
            return None
        found = self.pattern.fullmatch(sentence)
        return None if found is None else found.groupdict()


def _spans(value: str) -> bool:
    """Tell whether what was read as a parameter reaches into a further sentence or clause, so that the whole is to be told piece by piece."""
    return bool(_SENTENCES.search(value) or _CLAUSES.search(value))


def _letters(text: str) -> int:
    """Count Latin letters: the fewer, the more of a sentence was told. A clause may hold sentences, and a sentence clauses."""
    return sum(letter.isascii() and letter.isalpha() for letter in text)


def template_of(text: str) -> Template | None:
    """Return how to read a template; None for one with too few words of its own to be told from others."""
    parts = re.split(r"\{(\w+)[^{}]*\}", text)
    literals, names = parts[::2], parts[1::2]
    if not names or sum(len(each) for each in literals) < FEWEST_LETTERS or len(names) > MOST_PARAMS or len(set(names)) != len(names):
        return None
    pattern = re.escape(literals[0]) + "".join(f"(?P<{name}>.+?){re.escape(after)}" for name, after in zip(names, literals[1:], strict=True))
    return Template(text, literals[0], literals[-1], re.compile(pattern, re.DOTALL))


@functools.lru_cache(maxsize=4096)
def _retold(words: Words, sentence: str) -> str:
    """Remember what was told: a queue says the same of many, and finding the template of one takes as long as a row of a page."""
    return words._retell(sentence)  # noqa: SLF001 - its own module


@functools.cache
def _templates(language: str) -> tuple[Template, ...]:
    """Return the readable templates of a language, those with the most words of their own first."""
    found = [template for text in words_of(language).catalogue if "{" in text and (template := template_of(text))]
    return tuple(sorted(found, key=lambda template: (-len(re.sub(r"\{[^{}]*\}", "", template.text)), template.text)))


def shown() -> tuple[type[Enum], ...]:
    """Return the enumerations whose values pages show, so that the catalogues have a word for each."""
    people = (CentreRole, Role, TenantKind, TenantState)
    machines = (DifferenceKind, EndReason, NodeState, PoolState, Service, WindowState)
    money = (ChargeKind, OrderKind, OrderState, TransferKind)
    help_ = (Channel, DeliveryState, NoticeKind, Permission, TicketState)
    return (*people, *machines, *money, *help_, Cause, JobState, PaymentKind, ProposalState, RepoKind, Unrated, Visibility, WaitReason)


@functools.cache
def words_of(language: str) -> Words:
    """Return a language with all its catalogues."""
    return Words(language, {} if language == "en" else _read(language))


def catalogues(language: str) -> list[Path]:
    """Return the files of a language."""
    return sorted((FOLDER / language).glob("*.po"))


def _read(language: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in catalogues(language):
        with path.open("rb") as file:
            found |= {str(message.id): str(message.string) for message in read_po(file, locale=language) if message.id and message.string}
    return found
