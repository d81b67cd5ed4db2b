"""What notices say: every kind, in both languages, from the facts that are really given."""

from datetime import UTC, datetime, timedelta

import pytest

from wutong.desk.notices.rules import MAIL_AFTER, WORDS, mail_time, say, wants
from wutong.desk.rules import Channel, NoticeKind

JOB = {"job_id": "job_1", "job_name": "train", "cause": None}
WARNING = {"level": 80, "left_fen": 123450, "period": "2026-11", "job_id": "job_1"}
TIMES = {"begins_at": "2026-11-22T08:00:00+00:00", "ends_at": "2026-11-22T10:00:00+00:00"}
WINDOW = {"pool": "a100", "reason": "Firmware", **TIMES}
TICKET = {"ticket_id": "tick_1", "subject": "{by} <b>", "by": "Wang"}
FACTS = {
    **{f"job_ended.{state}": {**JOB, "state": state} for state in ("succeeded", "failed", "cancelled")},
    "balance": WARNING,
    **{f"budget.{what}": {**WARNING, "what": what} for what in ("tenant", "person", "grace", "stopped")},
    **{f"maintenance.{what}": {**WINDOW, "what": what} for what in ("announced", "cancelled")},
    **{f"ticket.{what}": {**TICKET, "what": what} for what in ("opened", "replied", "answered", "asked", "closed", "reopened", "assigned")},
    "invitation": {"tenant": "House", "role": "member"},
}


def test_there_are_words_for_everything_and_no_more():
    assert FACTS.keys() == WORDS.keys()


@pytest.mark.parametrize("word", sorted(WORDS))
@pytest.mark.parametrize("language", ["zh", "en"])
def test_each_is_said_whole(word, language):
    said = say(NoticeKind(word.partition(".")[0]), FACTS[word], language, "Asia/Shanghai")
    assert said.title
    assert "{" not in said.title.replace("{by} <b>", "") + said.text.replace("{by} <b>", "")
    assert said.path.startswith("/")
    assert (max(said.text) >= "一") == (language == "zh") or "{by}" in said.text


def test_amounts_and_times_are_those_of_the_reader():
    assert "¥1,234.50" in say(NoticeKind.BALANCE, WARNING, "en", "Asia/Shanghai").text
    window = FACTS["maintenance.announced"]
    assert "2026-11-22 16:00 (Asia/Shanghai)" in say(NoticeKind.MAINTENANCE, window, "zh", "Asia/Shanghai").text
    assert "2026-11-22 09:00 (Europe/Berlin)" in say(NoticeKind.MAINTENANCE, window, "en", "Europe/Berlin").text


def test_what_people_write_is_never_a_template():
    assert "{by} <b>" in say(NoticeKind.TICKET, FACTS["ticket.answered"], "en", "UTC").title


def test_everything_is_told_unless_it_was_switched_off():
    now = datetime(2026, 11, 22, tzinfo=UTC)
    off = {(NoticeKind.BALANCE, Channel.MAIL): False}
    assert wants({}, NoticeKind.BALANCE, Channel.MAIL)
    assert mail_time(off, NoticeKind.BALANCE, now) is None
    assert mail_time(off, NoticeKind.TICKET, now) == now
    assert mail_time({}, NoticeKind.JOB_ENDED, now) == now + MAIL_AFTER[NoticeKind.JOB_ENDED] > now + timedelta(minutes=1)
