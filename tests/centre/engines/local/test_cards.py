"""The machine's own accelerators: found, counted apart from processor slots, given out one by one, and nobody else's to see."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from tests.centre.engines.agents import AgentUnderTest

from wutong.centre.engines.local import admission, cards, sandbox
from wutong.centre.engines.local.cards import Cards
from wutong.centre.engines.local.queue import Need, explain
from wutong.centre.engines.local.sandbox import probe
from wutong.centre.engines.protocol import EndReason, Phase, Refused, RunSpec

# The form of the file, by NVIDIA's driver of the 5xx series.
TOLD = """\
Model: \t\t {model}
IRQ:   \t\t 186
GPU UUID: \t GPU-5e1e9f2c-7a3d-0c57-8a41-2f6b6d3f9b10
Video BIOS: \t 96.00.9f.00.01
Bus Type: \t PCIe
DMA Size: \t 52 bits
DMA Mask: \t 0xfffffffffffff
Bus Location: \t 0000:07:00.0
Device Minor: \t {minor}
GPU Excluded:\t No
"""


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("NVIDIA H200", "h200"),
        ("NVIDIA A100-SXM4-80GB", "a100"),
        ("NVIDIA H100 PCIe", "h100"),
        ("NVIDIA H100 NVL", "h100"),
        ("Tesla V100-SXM2-32GB", "v100"),
        ("NVIDIA L40S", "l40s"),
        ("NVIDIA GeForce RTX 4090", "rtx4090"),
        ("Quadro RTX 6000", "rtx6000"),
    ],
)
def test_a_card_is_named_as_catalogues_name_it(model, kind):
    assert cards.read(TOLD.format(model=model, minor=3)) == (kind, 3)


def test_what_the_driver_does_not_say_is_no_card():
    assert cards.read("") is None
    assert cards.read("Model: NVIDIA H200\n") is None
    assert cards.read("Model:\nDevice Minor: 1\n") is None


def test_one_machine_offers_the_kind_that_most_of_its_cards_are_of(tmp_path):
    for place, (model, minor) in enumerate([("NVIDIA H200", 4), ("NVIDIA T4", 0), ("NVIDIA H200", 1)]):
        (tmp_path / f"0000:0{place}:00.0").mkdir()
        (tmp_path / f"0000:0{place}:00.0" / "information").write_text(TOLD.format(model=model, minor=minor))
    assert cards.find("auto", nvidia=tmp_path) == Cards("h200", (1, 4))
    assert cards.find("none", nvidia=tmp_path) == Cards()
    assert cards.find("auto", nvidia=tmp_path / "none") == Cards()


def test_a_kind_that_is_named_has_the_devices_that_are_there(tmp_path):
    for name in ("davinci10", "davinci2", "davinci_manager", "nvidia0"):
        (tmp_path / name).symlink_to("/dev/null")
    (tmp_path / "davinci7").touch()
    assert cards.find("ascend910b", dev=tmp_path) == Cards("ascend910b", (2, 10)), "a plain file is no device"
    assert cards.find("a100_3g.40gb", dev=tmp_path) == Cards("a100_3g.40gb"), "parts of cards have no numbered files"


def wanting(slots, kind):
    return RunSpec("one", "tenant", ("true",), slots=slots, accelerator=kind, memory_mb=64)


def test_cards_are_counted_apart_from_slots():
    total = Need(4, 8, 4096, 2, "h200")
    assert admission.need_of(wanting(2, "h200")) == Need(0, 1, 64, 2, "h200")
    assert admission.need_of(wanting(2, "h200")).counted == admission.need_of(wanting(2, "cpu-slot")).counted == 2
    assert admission.need_of(wanting(2, "")) == admission.need_of(wanting(2, "cpu-slot")) == Need(2, 1, 64)
    assert admission.refusal(wanting(2, "h200"), total) is None
    assert admission.refusal(wanting(3, "h200"), total) == "It asks for 3 accelerators; the machine has 2."
    assert "needs 2 of 2 accelerators and 1 is free" in explain(Need(0, 1, 64, 2, "h200"), Need(4, 8, 4096, 1, "h200"), total, 0)


def test_cards_of_one_kind_never_serve_for_another_nor_do_processors():
    total, wanted = Need(4, 8, 4096, 2, "h200"), Need(0, 1, 64, 1, "a100")
    assert admission.refusal(wanting(1, "a100"), total) == "It asks for 1 accelerators of the kind a100; this machine has none."
    assert admission.refusal(wanting(1, "a100"), Need(4, 8, 4096)) == "It asks for 1 accelerators of the kind a100; this machine has none."
    assert not wanted.fits(total)
    assert explain(wanted, total, total, 3) == "Its accelerators (a100) are not in this machine now."
    assert total - wanted + wanted == total, "what still runs on cards of an earlier kind takes none of these"
    assert (total - wanted).cards == 2


def test_a_kind_that_was_named_and_is_not_there_is_told():
    assert Cards("mi300").problems == ("No device of the accelerator mi300 was found on this machine, so none is offered.",)
    assert Cards("h200", (0,)).problems == Cards().problems == ()


def test_where_nothing_hides_others_cards_a_run_is_told_its_numbers():
    machine = Cards("a100", (0, 1, 2, 3))
    assert machine.variables((2, 3), hidden=False) == {"CUDA_VISIBLE_DEVICES": "2,3", "WUTONG_VISIBLE_DEVICES": "2,3"}
    assert machine.variables((2, 3), hidden=True) == {"CUDA_VISIBLE_DEVICES": "0,1", "WUTONG_VISIBLE_DEVICES": "0,1"}


@pytest.fixture
def machine(tmp_path):
    """An agent on a machine with four cards, whose device files are zeroes; it has a `/dev` of its own."""
    if probe("auto").kind != "bubblewrap" or os.geteuid() != 0:
        pytest.skip("needs root and bubblewrap")
    dev = tmp_path / "dev"
    (dev / "shm").mkdir(parents=True)
    try:
        for number in range(4):
            os.mknod(dev / f"davinci{number}", stat.S_IFCHR, os.makedev(1, 5))
            os.chown(dev / f"davinci{number}", 0, 1234)
            (dev / f"davinci{number}").chmod(0o660)  # as Ascend's driver makes them: for a group
    except OSError as error:
        pytest.skip(f"device files cannot be made here: {error}")
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        subprocess.run(["cp", "-a", f"/dev/{name}", str(dev)], check=True)
    script = f'mount --bind {dev} /dev && exec "$@"'
    within = ("unshare", "--mount", "sh", "-c", script, "sh")
    if subprocess.run([*within, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    agent = AgentUnderTest(tmp_path / "agent", "--accelerator", "ascend910b", sandbox="bubblewrap", within=within)
    yield agent
    agent.close()
    shutil.rmtree(dev)


LOOK = "ls /dev | grep davinci; echo $ASCEND_RT_VISIBLE_DEVICES; cat /dev/davinci* | head -c 7 | wc -c; ls -d /sys/devices/virtual; id -G"


def test_a_run_sees_and_opens_its_own_cards_and_no_others(machine):
    size = machine.engine.capabilities()
    assert (size.accelerator, size.cards, size.slots, size.problems) == ("ascend910b", 4, 4, ())
    machine.submit("holds", "sleep 60", slots=1, accelerator="ascend910b")
    machine.running("holds")
    machine.submit("two", LOOK, slots=2, accelerator="ascend910b")
    machine.submit("none", "ls /dev | grep davinci; echo [$ASCEND_RT_VISIBLE_DEVICES]", slots=1)
    end = machine.ended("two")
    assert (end.reason, end.exit_code) == (EndReason.COMPLETED, 0), machine.text("two")
    own = str(sandbox.FIRST_IDENTITY + 1)
    assert machine.text("two").split() == ["davinci1", "davinci2", "0,1", "7", "/sys/devices/virtual", own, "1234"], (
        "drivers count the cards that they can open"
    )
    assert machine.ended("none").exit_code == 0
    assert machine.text("none") == "[]\n"
    assert {record.slots for record in machine.usage("two")} == {2}
    machine.engine.cancel("holds")


def test_cards_and_slots_wait_for_their_own_kind(machine):
    for number in range(4):
        machine.submit(f"card-{number}", "sleep 60", slots=1, accelerator="ascend910b")
        machine.running(f"card-{number}")
    machine.submit("waits", "true", slots=1, accelerator="ascend910b")
    machine.submit("starts", "true", slots=4)
    assert machine.ended("starts").reason is EndReason.COMPLETED
    assert machine.see("waits").phase is Phase.QUEUED
    assert "needs 1 of 4 accelerators and 0 are free" in machine.see("waits").waiting_for
    machine.kill()
    machine.start()
    assert machine.see("waits").phase is Phase.QUEUED, "cards that were given out stay given out"
    machine.engine.cancel("card-2")
    assert machine.ended("waits").reason is EndReason.COMPLETED
    refused = machine.engine.submit(machine.spec("many", "true", slots=5, accelerator="ascend910b"))
    assert refused == Refused("It asks for 5 accelerators; the machine has 4.")


def test_what_waits_for_cards_that_are_gone_waits_on_and_is_never_run_on_processors(machine):
    for number in range(4):
        machine.submit(f"card-{number}", "sleep 60", slots=1, accelerator="ascend910b")
        machine.running(f"card-{number}")
    machine.submit("waits", "true", slots=1, accelerator="ascend910b")
    machine.kill()
    machine.options[machine.options.index("--accelerator") + 1] = "none"
    machine.start()
    machine.submit("starts", "true", slots=1)
    assert machine.ended("starts").reason is EndReason.COMPLETED
    assert machine.see("waits").phase is Phase.QUEUED
    assert machine.see("waits").waiting_for == "Its accelerators (ascend910b) are not in this machine now."
    assert machine.see("card-0").phase is Phase.RUNNING, "what runs on its cards is left alone"
    size = machine.engine.capabilities()
    assert (size.accelerator, size.cards) == ("", 0)


def test_the_driver_is_asked_where_nvidia_puts_it():
    assert Path("/proc/driver/nvidia/gpus") == cards.NVIDIA
