"""What a table shows on terminals of several widths, and in a pipe."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import pytest
from rich.cells import cell_len
from rich.console import Console

from wutong.cli import show
from wutong.cli.columns import column, fitting, least_width

JOB, OTHER = "job_06h03jmytxdqz6phfp80", "job_06h03jnhnmzwyb0y3td3"
CHINESE = "土地覆盖分割-训练第三轮-高分二号影像-全部分幅"
TITLES = ("ID", "NAME", "STATE", "?WHY", "?FLAVOUR", ">TIME", ">COST", "?SUBMITTED")
ROWS = [
    (JOB, CHINESE, "failed", "command_failed", "cpu.4", "1:02:03", "¥1,234.50", "2026-11-22 04:50:12"),
    (OTHER, "train", "queued", "", "npu.8", "-", "¥0.00", "2026-11-22 04:50:12"),
]


@contextmanager
def screen(monkeypatch: pytest.MonkeyPatch, width: int, *, terminal: bool = True) -> Iterator[StringIO]:
    """A terminal of a width, or a pipe."""
    said = StringIO()
    monkeypatch.setattr(show, "out", Console(file=said, width=width, force_terminal=terminal, color_system=None, highlight=False, soft_wrap=True))
    yield said


def test_an_optional_column_goes_before_another_folds_too_far():
    columns = [column(title, cells) for title, cells in zip(TITLES, zip(*ROWS, strict=True), strict=True)]
    assert [each.title for each in columns if each.folds] == ["NAME"]
    shown = {width: [each.title for each in fitting(columns, width)] for width in (40, 80, 100, 200)}
    assert shown[200] == ["ID", "NAME", "STATE", "WHY", "FLAVOUR", "TIME", "COST", "SUBMITTED"]
    assert shown[100] == ["ID", "NAME", "STATE", "WHY", "FLAVOUR", "TIME", "COST"]
    assert shown[80] == shown[40] == ["ID", "NAME", "STATE", "TIME", "COST"]
    assert least_width(fitting(columns, 80)) <= 80 < least_width(columns)


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_a_table_keeps_within_its_terminal_and_cuts_nothing_short(monkeypatch: pytest.MonkeyPatch, width: int):
    with screen(monkeypatch, width) as said:
        show.table(TITLES, ROWS, empty="")
    lines = said.getvalue().splitlines()
    assert max(map(cell_len, lines)) <= width
    assert all(any(whole in line for line in lines) for whole in (JOB, OTHER, "1:02:03", "¥1,234.50"))
    assert "".join(line[26:].split("  ")[0].strip() for line in lines if not line.startswith((OTHER, "ID"))).startswith(CHINESE)


@pytest.mark.parametrize("terminal", [True, False])
def test_rows_are_whole_lines_in_a_pipe_and_where_the_terminal_is_too_narrow(monkeypatch: pytest.MonkeyPatch, terminal: bool):
    with screen(monkeypatch, 30, terminal=terminal) as said:
        show.table(TITLES, ROWS, empty="")
    heads, first, second = said.getvalue().splitlines()
    assert heads.split() == (["ID", "NAME", "STATE", "TIME", "COST"] if terminal else [title.strip("?>") for title in TITLES])
    assert first.split()[:2] == [JOB, CHINESE]
    assert second == second.rstrip()


def test_a_text_of_several_lines_is_one_line_in_a_pipe(monkeypatch: pytest.MonkeyPatch):
    for terminal, lines in ((True, 3), (False, 2)):
        with screen(monkeypatch, 80, terminal=terminal) as said:
            show.table(("WHAT",), [("first\nsecond",)], empty="")
        assert len(said.getvalue().splitlines()) == lines


def test_an_empty_list_says_so(monkeypatch: pytest.MonkeyPatch):
    with screen(monkeypatch, 80) as said:
        show.table(TITLES, [], empty="No jobs yet.")
    assert said.getvalue() == "No jobs yet.\n"


def test_sentences_are_not_broken(monkeypatch: pytest.MonkeyPatch):
    with screen(monkeypatch, 40) as said:
        show.outcome(None, "word " * 30, as_json=False)
    assert said.getvalue().count("\n") == 1
