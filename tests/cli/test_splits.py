"""`wutong data split`: what comes out is shown before it is made."""

from pathlib import Path

import pytest
from tests.flows.stage import Person, Tenant


@pytest.fixture
def owner(newcomer: Person, tenant: Tenant) -> Person:
    """The tenant's owner at a keyboard, with pictures of ten roads pushed."""
    newcomer.quick("login", "--token", tenant.account.token)
    folder = newcomer.folder / "roads"
    for road in range(10):
        (folder / f"road-{road}").mkdir(parents=True)
        for number in range(2):
            (folder / f"road-{road}" / f"{number}.txt").write_text(f"{road} {number}")
    newcomer.quick("data", "push", str(folder), "--name", "roads")
    return newcomer


def test_a_data_set_is_split_from_the_command_line(owner: Person, tmp_path: Path):
    shown = owner.quick("data", "split", "roads", "--seed", "7", "--dry-run").out
    assert "80.0 %" in shown
    assert "roads@2: the lists are in its folder splits." in owner.quick("data", "split", "roads", "--seed", "7", "--yes").out
    owner.quick("data", "pull", "roads@2", str(tmp_path / "back"))
    lists = {part: (tmp_path / "back" / "splits" / f"{part}.txt").read_text().split() for part in ("train", "val", "test")}
    assert {part: len(paths) for part, paths in lists.items()} == {"train": 16, "val": 2, "test": 2}
    sides = {path.split("/")[0]: part for part, paths in lists.items() for path in paths}
    assert all(sides[path.split("/")[0]] == part for part, paths in lists.items() for path in paths)
    plan = owner.ask("data", "split", "roads@1", "--shares", "50/50", "--dry-run")
    assert [part["files"] for part in plan["parts"]] == [10, 10]


def test_wrong_shares_are_told(owner: Person):
    assert "add up to 100" in owner.quick("data", "split", "roads", "--shares", "80/10/5", status=1).err
    assert "are no shares" in owner.quick("data", "split", "roads", "--shares", "much", status=1).err
