"""Renders templates: one Jinja environment a process, everything escaped, missing values refused."""

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from wutong import __version__
from wutong.identity.rules import Principal
from wutong.kit.money import format_fen
from wutong.web import assets, figures, menu
from wutong.web.help.about import about
from wutong.web.words import Words

TEMPLATES = Path(__file__).parent / "templates"


@functools.cache
def environment() -> Environment:
    """Return the environment all templates share."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.do"],
    )
    made.filters |= {"yuan": format_fen, "card_hours": figures.card_hours, "size": figures.size, "named": named}
    made.globals |= {"asset": assets.url_of, "preloads": assets.preloads, "about": about, "icon": icon, "version": __version__}
    return made


def icon(name: str, extra: str = "") -> Markup:
    """Return an icon out of the sprite; it says nothing by itself, so words stand beside it."""
    href = f"{escape(assets.url_of('icons.svg'))}#{escape(name)}"
    return Markup(f'<svg class="icon {escape(extra)}" aria-hidden="true"><use href="{href}"></use></svg>')  # noqa: S704 - escaped; `format` is slow


def named(values: Iterable[str], words: Words) -> list[tuple[str, str]]:
    """Pair the values of an enumeration with their words, for a choice."""
    return [(str(value), words.say(str(value))) for value in values]


def render(template: str, values: dict[str, Any], *, words: Words, zone: ZoneInfo, reader: Principal | None) -> str:
    """Render a template in a reader's language and time zone, with the menu of what the reader may open."""
    given = {
        "words": words,
        "_": words.say,
        "count": words.count,
        "duration": functools.partial(figures.duration, words=words),
        "when": functools.partial(figures.moment, zone=zone),
        "menu": functools.partial(menu.of, reader),
        "problem": None,
    }
    return environment().get_template(template).render(given | values)
