"""The promises of the protocol, held by every engine we ship."""

import pytest
from tests.centre.engines.agents import LocalRig

from wutong.centre.engines.conformance import Conformance
from wutong.centre.engines.fake import FakeEngine, Script
from wutong.centre.engines.protocol import RunSpec


class FakeRig:
    ticks = 2000
    resolution_s = 0.0

    def __init__(self):
        self.engine = FakeEngine(slots=4)

    def spec(self, name, behaviour, **changes):
        script = Script(
            seconds=behaviour.seconds,
            exit_code=behaviour.exit_code,
            signal=behaviour.dies_of,
            output=behaviour.says.encode(),
            stop_seconds=1000 if behaviour.stubborn else 0,
            stop_output=b"saved\n" if behaviour.saves else b"",
            signal_output=b"heard\n" if behaviour.listens else b"",
        )
        self.engine.script(name, script)
        return RunSpec(**{"name": name, "tenant": "tenant", "argv": ("run",), "memory_mb": 64, "grace_s": 2, **changes})

    def tick(self):
        self.engine.advance(0.05)

    def submit_unclearly(self, spec):
        self.engine.lose_answer()
        return self.engine.submit(spec)

    def darken(self):
        self.engine.go_dark()

    def lighten(self):
        self.engine.come_back()


class TestFake(Conformance):
    @pytest.fixture(autouse=True)
    def _rig(self):
        self.rig = FakeRig()


class TestLocal(Conformance):
    @pytest.fixture(autouse=True)
    def _rig(self, shared_agent):
        self.rig = LocalRig(shared_agent)


class TestLocalConfined(Conformance):
    @pytest.fixture(autouse=True)
    def _rig(self, confined_agent):
        self.rig = LocalRig(confined_agent)
