"""Renders templates: one Jinja environment a language, everything escaped, missing values refused."""

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
from wutong.web.fixed import fixed
from wutong.web.help.about import about
from wutong.web.words import Words, words_of

TEMPLATES = Path(__file__).parent / "templates"


@functools.cache
def environment(language: str) -> Environment:
    """Return the environment all templates of a language share."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.do", fixed(words_of(language))],
    )
    made.filters |= {"yuan": format_fen, "card_hours": figures.card_hours, "size": figures.size, "named": named}
    made.globals |= {"asset": assets.url_of, "preloads": assets.preloads, "about": about, "icon": icon, "theme": theme, "version": __version__}
    return made


def icon(name: str, extra: str = "") -> Markup:
    """Return the drawing of an icon; it says nothing by itself, so words stand beside it."""
    return _drawn(assets.icons_built(), name, extra)


@functools.lru_cache(maxsize=512)
def _drawn(built: str, name: str, extra: str) -> Markup:  # noqa: ARG001 - another build is another drawing
    lines = assets.icons().get(name, "")
    return Markup(f'<svg class="icon {escape(extra)}" viewBox="0 0 24 24" aria-hidden="true"><path d="{escape(lines)}"/></svg>')  # noqa: S704 - escaped; `format` is slow


def theme() -> Markup:
    """Return the script that sets the theme, as it stands in every page."""
    return Markup(f'<script id="theme">{assets.theme_script()}</script>')  # noqa: S704 - our own


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
    return environment(words.language).get_template(template).render(given | values)
