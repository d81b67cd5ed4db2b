"""The handbook as a value: its chapters, read from the package's Markdown and rendered once for each language. Raw HTML in it stays text.

A chapter is `handbook/<language>/<name>.md`. Headings carry their anchor as `{#anchor}`, the same in all languages. `{{name}}` is filled in with
what `facts` tells: a table made from the code, or a number of this centre.
"""

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup

from wutong.web.help import facts
from wutong.web.help.facts import Numbers
from wutong.web.words import LANGUAGES, Words, words_of

FOLDER: Final = Path(__file__).parent / "handbook"
CHAPTERS: Final = (
    "first-job",
    "data",
    "environments",
    "jobs",
    "job-file",
    "checkpoints",
    "training",
    "money",
    "budgets",
    "people",
    "tokens",
    "webhooks",
    "errors",
    "limits",
)
LONGEST_EXCERPT: Final = 160
FEWEST_LETTERS: Final = 2
_ANCHOR = re.compile(r"\s*\{#([a-z0-9-]+)\}$")
_FACT = re.compile(r"\{\{([a-z_]+)\}\}")
_CHAPTER_LINK = re.compile(r"([a-z-]+)\.md(#[a-z0-9-]+)?")


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with what stands below it as plain text; `anchor` is empty for what stands before the first one."""

    anchor: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """A page of the handbook. `lead` is its first paragraph, `body` the HTML below the title."""

    name: str
    title: str
    lead: str
    body: Markup
    sections: Sequence[Section]

    @property
    def path(self) -> str:
        """Where it is read."""
        return f"/help/{self.name}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the handbook speaks of something: the chapter, the heading (empty for the chapter itself), and the address."""

    chapter: str
    title: str
    path: str


@functools.lru_cache(maxsize=8)
def book(language: str, numbers: Numbers) -> Mapping[str, Chapter]:
    """Return all chapters in a language, in reading order."""
    return {name: _chapter(name, words_of(language), numbers) for name in CHAPTERS}


def source(name: str, language: str) -> str:
    """Return a chapter as it was written."""
    return (FOLDER / language / f"{name}.md").read_text(encoding="utf-8")


def find(wanted: str, language: str, numbers: Numbers, *, most: int) -> list[Place]:
    """Return the places where all words of a search stand together, in whichever language they are; titles go before text."""
    parts = wanted.lower().split()
    if not parts or len(wanted.strip()) < FEWEST_LETTERS:
        return []
    shown = book(language, numbers)
    ranked: dict[tuple[str, int], int] = {}
    for each in LANGUAGES:
        for chapter in book(each, numbers).values():
            for at, section in enumerate(chapter.sections):
                rank = _rank(parts, chapter, section)
                if rank:
                    ranked[chapter.name, at] = max(rank, ranked.get((chapter.name, at), 0))
    order = sorted(ranked, key=lambda key: (-ranked[key], CHAPTERS.index(key[0]), key[1]))
    return [_place(shown[name], shown[name].sections[at]) for name, at in order[:most]]


def _rank(parts: Sequence[str], chapter: Chapter, section: Section) -> int:
    """Say how well a section answers: 3 by its title, 2 with the chapter's, 1 by its text, 0 not."""
    own, whole, text = section.title.lower(), f"{chapter.title} {section.title}".lower(), section.text.lower()
    if all(part in own for part in parts):
        return 3
    if all(part in whole for part in parts) and not section.anchor:
        return 2
    return int(all(part in f"{whole} {text}" for part in parts))


def _place(chapter: Chapter, section: Section) -> Place:
    return Place(chapter.title, section.title if section.anchor else "", f"{chapter.path}#{section.anchor}" if section.anchor else chapter.path)


def _chapter(name: str, words: Words, numbers: Numbers) -> Chapter:
    told = facts.told(words, numbers)
    text = _FACT.sub(lambda match: told[match[1]](), source(name, words.language))
    tokens = _parser(words.say("Copy")).parse(text)
    sections = _sections(tokens)
    heading = next(at for at, token in enumerate(tokens) if token.type == "heading_close") + 1
    body = _parser(words.say("Copy")).renderer.render(tokens[heading:], _parser(words.say("Copy")).options, {})
    lead = next(_plain(tokens[at + 1]) for at, token in enumerate(tokens) if token.type == "paragraph_open")
    return Chapter(name, sections[0].title, lead, Markup(body), sections)  # noqa: S704 - made by the renderer, which escapes all text


def _sections(tokens: Sequence[Token]) -> list[Section]:
    """Divide a chapter at its headings; takes the anchors out of them and makes them ids."""
    found: list[tuple[str, str, list[str]]] = []
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            anchor, title = _take_anchor(tokens[at + 1])
            if anchor:
                token.attrSet("id", anchor)
            found.append((anchor, title, []))
        elif token.type == "inline" and found and tokens[at - 1].type != "heading_open":
            _lead_on(token)
            found[-1][2].append(_plain(token))
        elif token.type == "fence":
            found[-1][2].append(token.content)
    return [Section(anchor, title, "\n".join(texts)) for anchor, title, texts in found]


def _take_anchor(inline: Token) -> tuple[str, str]:
    last = (inline.children or [])[-1]
    match = _ANCHOR.search(last.content)
    if match:
        last.content = last.content[: match.start()]
    return (match[1] if match else "", _plain(inline))


def _lead_on(inline: Token) -> None:
    """Make links to other chapters addresses of the portal."""
    for child in inline.children or ():
        if child.type == "link_open":
            match = _CHAPTER_LINK.fullmatch(str(child.attrGet("href") or ""))
            if match:
                child.attrSet("href", f"/help/{match[1]}{match[2] or ''}")


def _plain(inline: Token) -> str:
    return "".join(" " if child.type == "softbreak" else child.content for child in inline.children or ())


@functools.lru_cache(maxsize=4)
def _parser(copy: str) -> MarkdownIt:
    """Return the parser of a language: CommonMark with tables, no HTML; code and wide tables can be scrolled by keyboard, code copied."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")

    def fence(self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:  # noqa: ARG001 - the library's signature
        code = escape(tokens[at].content)
        button = f'<button class="btn btn-sm js-only" type="button" data-copy="{code}">{escape(copy)}</button>'
        return f'<div class="code-block"><pre tabindex="0"><code>{code}</code></pre>{button}</div>\n'

    def table_open(self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:  # noqa: ARG001 - the library's signature
        return '<div class="wide" tabindex="0"><table class="table">\n'

    def table_close(self: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:  # noqa: ARG001 - the library's signature
        return "</table></div>\n"

    parser.add_render_rule("fence", fence)
    parser.add_render_rule("table_open", table_open)
    parser.add_render_rule("table_close", table_close)
    return parser
