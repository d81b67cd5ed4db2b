"""The portal's languages: which one a reader gets, and the catalogues. English is the source; a folder of Babel catalogues translates it.

Catalogues are split by noun (`words/zh/jobs.po`) and read once a process, when the first page in their language is asked for.
"""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from babel.messages.pofile import read_po

from wutong.kit.errors import Problem

LANGUAGES: Final[Mapping[str, str]] = {"zh": "中文", "en": "English"}
DEFAULT: Final = "zh"
COOKIE: Final = "wutong_language"
FOLDER: Final = Path(__file__).parent / "words"
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


@dataclass(frozen=True)
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
        text: str = self.catalogue.get(sentence, sentence)
        return text.format(**params) if params else text

    def count(self, one: str, many: str, number: int, /, **params: Any) -> str:
        """Return the sentence for this number, which is its parameter `n`; Chinese has one form, English two."""
        return self.say(one if number == 1 and self.language == "en" else many, n=number, **params)

    def problem(self, problem: Problem) -> str:
        """Return a problem's sentence. A parameter that is a sentence itself is translated too."""
        params = {name: self.say(value) if isinstance(value, str) else value for name, value in problem.params.items()}
        try:
            return self.say(problem.message).format(**params)
        except (KeyError, IndexError, ValueError):
            return problem.sentence()


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
