"""Usage over time: a month's days as stacked bars, told apart by person, project or flavour, with the figures in a table."""

import itertools
from dataclasses import dataclass
from typing import Annotated

from fastapi import Query, Response

from wutong.compute.spending import service as spending
from wutong.compute.spending.rules import By, Group, Spending
from wutong.doorway.asking import Tx, needs
from wutong.identity import service as identity
from wutong.identity.rules import Permission
from wutong.kit import clock
from wutong.web.months import read_month
from wutong.web.view import Pages, View

pages = Pages(prefix="/bill")

Short = Annotated[str, Query(max_length=20)]
WIDTH, HEIGHT, LEFT, BOTTOM = 720, 220, 56, 24
SMALLEST_SCALE_MS = 3600
"""A thousandth of a card-hour: below it a scale would have no figures to show."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One piece of a stacked bar, in the chart's own units."""

    x: float
    y: float
    width: float
    height: float
    series: int
    day: str
    name: str
    card_ms: int


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars and the lines of a scale: pairs of height and card-milliseconds."""

    bars: tuple[Bar, ...]
    scale: tuple[tuple[float, int], ...]
    days: tuple[tuple[float, str], ...]


@pages.get("/usage")
def usage_page(tx: Tx, view: Annotated[View, needs(Permission.MONEY_READ)], month: Short = "", by: Short = By.PERSON.value) -> Response:
    """Show what was used on each day of a month."""
    shown = read_month(month, clock.now())
    chosen = next((way for way in By if way.value == by), By.PERSON)
    found = spending.spending(tx, view.who, shown.name, chosen)
    people = identity.person_names(tx, {group.key for group in found.groups if not group.rest}) if chosen is By.PERSON else {}
    names = [_name(view, group, people) for group in found.groups]
    ways = {By.PERSON: view.say("By person"), By.PROJECT: view.say("By project"), By.FLAVOUR: view.say("By flavour")}
    return view.page("bill/usage.html", month=shown, by=chosen, ways=ways, found=found, names=names, chart=draw(found, names))


def draw(found: Spending, names: list[str]) -> Chart:
    """Lay a month's days out as stacked bars. Pure."""
    totals = [sum(group.daily_card_ms[at] for group in found.groups) for at in range(len(found.days))]
    top = scale_top(max(totals))
    step, inner = (WIDTH - LEFT) / len(found.days), HEIGHT - BOTTOM
    bars = []
    for at, day in enumerate(found.days):
        y = float(inner)
        for series, group in enumerate(found.groups):
            tall = max(group.daily_card_ms[at], 0) * (inner - 8) / top
            if tall > 0:
                y -= tall
                x = LEFT + at * step + step * 0.15
                bars.append(
                    Bar(round(x, 1), round(y, 1), round(step * 0.7, 1), round(tall, 1), series + 1, str(day), names[series], group.daily_card_ms[at])
                )
    scale = tuple((round(inner - part * (inner - 8), 1), int(top * part)) for part in (0.0, 0.5, 1.0))
    days = tuple((round(LEFT + (at + 0.5) * step, 1), str(day.day)) for at, day in enumerate(found.days) if at % 5 == 0)
    return Chart(tuple(bars), scale, days)


def scale_top(most_ms: int) -> int:
    """Return the end of a scale that holds the most: 1, 2 or 5 times a power of ten, in card-milliseconds; its half is written out as well."""
    top, steps = SMALLEST_SCALE_MS, itertools.cycle((2, 2.5, 2))
    while top < most_ms:
        top = int(top * next(steps))
    return top


def _name(view: View, group: Group, people: dict[str, str]) -> str:
    if group.rest:
        return view.say("Others")
    if not group.key:
        return view.say("Without a project")
    return people.get(group.key, group.key)
