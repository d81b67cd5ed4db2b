"""What the month report's document says: figures turned into sentences, tables and pictures in the reader's language. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from wutong.compute.budgets.rules import BILL_ZONE
from wutong.compute.jobs.rules import JobState
from wutong.kit.money import format_fen
from wutong.ledger.rules import AccountKind
from wutong.web import figures
from wutong.web.console import pictures
from wutong.web.console.monthly import MonthReport
from wutong.web.words import Words

Part = dict[str, Any]
MOST_ROWS = 12


def document_of(report: MonthReport, words: Words, *, centre: str, now: datetime) -> dict[str, Any]:
    """Return the values of the template `report.typ`."""
    say = words.say
    counted = report.together.capacity_card_seconds > 0
    pieces = _pictures(report, words) if counted else [[_nothing(words)]]
    return {
        "language": words.language,
        "title": say("Month report of the computing centre"),
        "centre": centre,
        "period": say("{first} to {last}", first=_day(report.begins), last=_day(report.ends - timedelta(seconds=1))),
        "notice": say("This month is under way: figures are those of {until}.", until=_minute(report.until)) if report.until < report.ends else "",
        "made": say("Made on {at} (Asia/Shanghai) by Wutong", at=_minute(now)),
        "page": say("Page {n} of {all}"),
        "summary": _summary(report, words),
        "tiles": _tiles(report, words),
        "parts": [*pieces, *_tables(report, words)],
        "notes": _notes(report, words),
    }


def _nothing(words: Words) -> Part:
    text = words.say("Utilisation is counted from the first hour in which machines are there.")
    return {"title": words.say("Nothing was counted in this month"), "text": text}


def _summary(report: MonthReport, words: Words) -> str:
    ended, share = sum(report.ended.values()), report.together.share
    if share is None:
        return words.say("No machines were counted in this month, and {jobs} jobs ended.", jobs=f"{ended:,}")
    best = max((day for day in report.days if day.share is not None), key=lambda day: day.share or 0.0)
    return words.say(
        "Of all card time that was there {share} was in use, most on {day} ({most}). {tenants} organisations were served, {jobs} jobs ended.",
        share=_percent(share),
        day=_day(best.at),
        most=_percent(best.share),
        tenants=f"{report.served:,}",
        jobs=f"{ended:,}",
    )


def _tiles(report: MonthReport, words: Words) -> list[dict[str, str]]:
    say = words.say
    used, there = report.pflops
    together, ended = report.together, sum(report.ended.values())
    good = report.ended.get(JobState.SUCCEEDED, 0)
    tiles = [
        (say("Utilisation"), _percent(together.share), "", say("of all available card time")),
        (say("In use, in the mean"), f"{used:.3g}", "PFLOPS", say("of {all} PFLOPS", all=f"{there:.3g}")),
        (
            say("Card-hours used"),
            figures.card_hours(together.card_seconds),
            "",
            say("of {all}", all=figures.card_hours(together.capacity_card_seconds)),
        ),
        (say("Organisations served"), f"{report.served:,}", "", say("with at least one job")),
        (say("Jobs ended"), f"{ended:,}", "", say("{share} succeeded", share=_percent(good / ended if ended else None))),
    ]
    if report.income is not None:
        tiles.append((say("Income"), format_fen(sum(each.amount_fen for each in report.income)), "", say("earned in this month")))
    else:
        faults = sum(each.times for each in report.faults)
        tiles.append((say("Faults of machines"), f"{faults:,}", "", say("{n} machines", n=len(report.faults))))
    return [dict(zip(("label", "figure", "unit", "hint"), tile, strict=True)) for tile in tiles]


def _pictures(report: MonthReport, words: Words) -> list[list[Part]]:
    say = words.say
    days = [f"{number}" for number in range(1, len(report.days) + 1)]
    used = [day.pflops if day.capacity_pflops else None for day in report.days]
    there = [day.capacity_pflops or None for day in report.days]
    key = [{"fill": pictures.SERIES[0], "name": say("In use")}, {"line": pictures.GREY, "name": say("Available")}]
    shades = [{"scale": pictures.shades(), "name": say("idle to full; white: nothing was there")}]
    mean = [{"fill": pictures.SERIES[0], "name": say("Share of cards in use")}, {"line": pictures.SERIES[1], "name": say("Mean of the days")}]
    hours = pictures.heat([row.permille for row in report.by_hour], [row.name for row in report.by_hour], days, row_height=4.6)
    parts: list[list[Part]] = [
        [{"title": say("Utilisation by day"), "picture": pictures.columns([day.share for day in report.days], days), "key": mean}],
        [{"title": say("PFLOPS by day"), "picture": pictures.areas(used, there, days), "key": key}],
        [_kinds(report, words)],
        [{"title": say("Utilisation by hour of the day"), "picture": hours, "key": shades}],
    ]
    if report.machines:
        rows, names = [row.permille for row in report.machines], [row.name for row in report.machines]
        tall = 14.0 if len(rows) <= MOST_ROWS else 10.0 if len(rows) <= 2 * MOST_ROWS else 5.0
        length = (report.until - report.begins) / timedelta(days=1)
        drawn = pictures.heat(rows, names, days[: max(round(length), 1)], row_height=tall, left=90)
        parts.append([{"title": say("Machines by hour"), "picture": drawn, "key": shades}])
    return parts


def _tables(report: MonthReport, words: Words) -> list[list[Part]]:
    rows = [[_tenants(report, words)], [_ends(report, words), _waits(report, words)]]
    if report.income is not None:
        rows.append([_income(report, words)])
    return [*rows, [_faults(report, words), _maintenance(report, words)], [_accuracy(report, words)]]


def _kinds(report: MonthReport, words: Words) -> Part:
    say = words.say
    heads = [say("Kind of card"), say("Card-hours used"), say("Card-hours available"), say("Share"), say("PFLOPS-hours")]
    rows = []
    for kind in report.kinds:
        worked = kind.card_seconds / 3600 * kind.pflops
        hours = (figures.card_hours(kind.card_seconds), figures.card_hours(kind.capacity_card_seconds))
        rows.append([kind.name, *hours, _percent(kind.share), f"{worked:,.4g}" if worked < 1e4 else f"{worked:,.0f}"])
    return {"title": say("Card-hours by kind"), "table": _table(heads, rows, names=1)}


def _tenants(report: MonthReport, words: Words) -> Part:
    say = words.say
    money = report.income is not None
    all_s = report.together.card_seconds
    heads = ["#", say("Organisation"), say("Card-hours"), say("Share"), *([say("Charged")] if money else [])]
    rows = []
    for place, tenant in enumerate(report.tenants, 1):
        charged = [format_fen(tenant.amount_fen or 0)] if money else []
        rows.append(
            [str(place), tenant.name, figures.card_hours(tenant.card_seconds), _percent(tenant.card_seconds / all_s if all_s else None), *charged]
        )
    return _part(say("Top organisations by usage"), say("Nobody used cards in this month."), _table(heads, rows, names=2))


def _ends(report: MonthReport, words: Words) -> Part:
    say, all_jobs = words.say, sum(report.ended.values())
    ended = sorted(report.ended.items(), key=lambda item: (-item[1], item[0].value))
    rows = [[say(state.value), f"{number:,}", _percent(number / all_jobs)] for state, number in ended]
    part = _part(say("How jobs ended"), say("No job ended in this month."), _table([say("State"), say("Jobs"), say("Share")], rows, names=1))
    return part | ({"bar": [{"name": row[0], "share": number} for row, (_, number) in zip(rows, ended, strict=True)]} if rows else {})


def _waits(report: MonthReport, words: Words) -> Part:
    say = words.say
    heads = [say("Pool"), say("Jobs"), say("Half waited at most"), say("Nine in ten at most")]
    rows = [[each.pool, f"{each.jobs:,}", *(figures.duration(s, words) for s in (each.median_s, each.p90_s))] for each in report.waits]
    return _part(say("Waiting for the start"), say("No job that ended in this month had started."), _table(heads, rows, names=1))


def _income(report: MonthReport, words: Words) -> Part:
    say = words.say
    sources = {
        AccountKind.CASH: say("Usage, paid in money"),
        AccountKind.CREDIT: say("Usage, paid by vouchers (subsidy)"),
        AccountKind.RECEIVABLE: say("Usage, still owed"),
        AccountKind.DEFERRED: say("Packages and reservations"),
    }
    parts = report.income or ()
    together = sum(each.amount_fen for each in parts)
    rows = [
        [sources.get(each.pocket, say(each.pocket.value)), format_fen(each.amount_fen), _percent(each.amount_fen / together if together else None)]
        for each in parts
    ]
    part = _part(
        say("Income by source"), say("Nothing was earned in this month."), _table([say("Source"), say("Amount"), say("Share")], rows, names=1)
    )
    shown = [{"name": row[0], "share": each.amount_fen} for row, each in zip(rows, parts, strict=True) if each.amount_fen > 0]
    return part | ({"bar": shown} if shown else {})


def _faults(report: MonthReport, words: Words) -> Part:
    say = words.say
    rows = [[f"{each.pool} / {each.node}", f"{each.times:,}", each.reason or "—"] for each in report.faults[:MOST_ROWS]]
    table = _table([say("Machine"), say("Times down"), say("Last reason")], rows, names=1, wide=(2,))
    return _part(say("Faults of machines"), say("No machine went down in this month."), table)


def _maintenance(report: MonthReport, words: Words) -> Part:
    say = words.say
    rows = [[each.pool, f"{_minute(each.begins_at)[5:]} – {_minute(each.ends_at)[5:]}", each.reason] for each in report.windows[:MOST_ROWS]]
    table = _table([say("Pool"), say("When"), say("Reason")], rows, names=3, wide=(2,))
    return _part(say("Maintenance"), say("There was no maintenance in this month."), table)


def _accuracy(report: MonthReport, words: Words) -> Part:
    say = words.say
    heads = [say("Pool"), say("Jobs that waited"), say("Median error"), say("Started by the bound told")]
    rows = []
    for each in report.accuracy:
        error = "—" if each.median_error_s is None else figures.duration(each.median_error_s, words)
        rows.append([each.pool, f"{each.jobs:,}", error, _percent(each.coverage)])
    title, nothing = say("How good forecasts of starts were"), say("No job was foretold a wait in this month.")
    return _part(title, nothing, _table(heads, rows, names=1))


def _notes(report: MonthReport, words: Words) -> list[str]:
    say = words.say
    notes = [
        say("Days and hours are those of Asia/Shanghai. Utilisation is card time in use against card time of machines that were not down."),
        say("PFLOPS are the makers' peak figures for FP16; waiting is from submission to the first start, of the jobs that ended in this month."),
    ]
    if report.income is not None:
        notes.append(say("Income is what the ledger counts as earned in this month, less what was taken back; it is before tax."))
    return notes


def _part(title: str, nothing: str, table: Part) -> Part:
    return {"title": title, "table": table} if table["rows"] else {"title": title, "text": nothing}


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, names: int, wide: Sequence[int] = ()) -> Part:
    """Make a table whose first columns hold names and whose others hold figures; those that are `wide` hold words again."""
    numeric = [place >= names and place not in wide for place in range(len(heads))]
    stretch = set(wide) or {names - 1}
    return {"heads": list(heads), "rows": [list(row) for row in rows], "numeric": numeric, "wide": [place in stretch for place in range(len(heads))]}


def _percent(share: float | None) -> str:
    return "—" if share is None else f"{share * 100:.1f} %"


def _day(at: datetime) -> str:
    return f"{at.astimezone(BILL_ZONE):%Y-%m-%d}"


def _minute(at: datetime) -> str:
    return f"{at.astimezone(BILL_ZONE):%Y-%m-%d %H:%M}"
