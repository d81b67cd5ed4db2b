"""Windows of usage add up exactly, whenever they are asked for."""

from hypothesis import given
from hypothesis import strategies as st

from wutong.centre.engines.usage import decayed, windows

moments = st.integers(0, 10**7)
lengths = st.integers(0, 10**6)


@given(moments, lengths, st.sampled_from([1000, 60_000]))
def test_windows_of_an_ended_run_add_up_and_only_the_last_is_final(started, length, window_ms):
    found = list(windows(started, started + length, window_ms=window_ms, ended=True))
    assert sum(window.used_ms for window in found) == length
    assert [window.final for window in found] == [False] * (len(found) - 1) + [True]
    assert all(window.start_ms % window_ms == 0 and 0 <= window.used_ms <= window_ms for window in found)
    assert len({window.start_ms for window in found}) == len(found)


@given(moments, lengths, lengths)
def test_windows_told_while_it_runs_are_those_told_at_its_end(started, sooner, later):
    early = {window.start_ms: window.used_ms for window in windows(started, started + sooner, window_ms=60_000, ended=False)}
    last = {window.start_ms: window.used_ms for window in windows(started, started + sooner + later, window_ms=60_000, ended=True)}
    assert early.items() <= last.items()


@given(moments, lengths, lengths)
def test_going_on_after_a_window_misses_none(started, sooner, later):
    until = started + sooner
    first = list(windows(started, until, window_ms=60_000, ended=False))
    rest = list(windows(started, until + later, window_ms=60_000, ended=False, after_ms=until // 60_000 * 60_000))
    both = {window.start_ms: window for window in [*first, *rest]}
    assert list(both.values()) == list(windows(started, until + later, window_ms=60_000, ended=False))


def test_past_use_halves():
    assert decayed(100, 3600, 3600) == 50
    assert decayed(100, -5, 3600) == 100
