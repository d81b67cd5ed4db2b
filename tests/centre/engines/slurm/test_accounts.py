"""What the accounting says was held, on text that sacct of Slurm 22.05.8 printed."""

from wutong.centre.engines.slurm import accounts, parse
from wutong.centre.engines.slurm.accounts import accounted, overlaps, trackable

MARK = "~1f"
TWO_NODES = "billing=8,cpu=8,gres/gpu:ascend910b=16,gres/gpu=16,mem=1G,node=2"
ROWS = [
    ("7", "PREEMPTED", "0:0", "wutong-a", "c-a", "ai", "1000", "1010", "1030", "boxn[1-2]", TWO_NODES, "c-1-1"),
    ("7", "RUNNING", "0:0", "wutong-a", "c-a", "ai", "1030", "1040", "Unknown", "boxn1", "billing=8,cpu=8,mem=1G,node=1", "c-1-1"),
    ("8", "CANCELLED by 0", "0:0", "wutong-a", "c-a", "ai", "1000", "None", "1020", "None assigned", "", "c-2-1"),
]
PRINTED = "\n".join(MARK.join(row) for row in ROWS)


def test_a_start_holds_what_was_allocated() -> None:
    first, second, never = (accounted(past, ours=True) for past in parse.pasts(PRINTED, MARK))
    assert first is not None
    assert second is not None
    assert never is None
    assert (first.cards, first.accelerator, first.seconds, first.cpus, first.node) == (16, "ascend910b", 20, 8, "boxn[1-2]")
    assert (second.cards, second.ended, second.seconds) == (None, None, 0)


def test_only_whole_numbers_are_counted() -> None:
    assert trackable("billing=4,mem=100M,node=1,gres/gpu=2") == {"billing": 4, "node": 1, "gres/gpu": 2}
    assert trackable("") == {}


def test_a_start_belongs_to_every_span_it_ran_in() -> None:
    first, second, _ = (accounts.accounted(past, ours=True) for past in parse.pasts(PRINTED, MARK))
    assert first is not None
    assert second is not None
    assert [overlaps(first, since, until) for since, until in [(0, 1010), (0, 1011), (1029, 2000), (1030, 2000)]] == [False, True, True, False]
    assert overlaps(second, 5000, 6000)
