"""One agent for the tests that only run jobs; a fresh one for those that break it."""

import pytest
from tests.centre.engines.agents import AgentUnderTest

from wutong.centre.engines.local.sandbox import probe


@pytest.fixture(scope="session")
def shared_agent(tmp_path_factory):
    agent = AgentUnderTest(tmp_path_factory.mktemp("shared") / "agent")
    yield agent
    agent.close()


@pytest.fixture
def agent(tmp_path):
    agent = AgentUnderTest(tmp_path / "agent")
    yield agent
    agent.close()


@pytest.fixture(scope="session")
def confined_agent(tmp_path_factory):
    sandbox = probe("auto")
    if sandbox.kind != "bubblewrap":
        pytest.skip(f"needs bubblewrap: {sandbox.problems}")
    agent = AgentUnderTest(tmp_path_factory.mktemp("confined") / "agent", sandbox="bubblewrap")
    yield agent
    agent.close()
