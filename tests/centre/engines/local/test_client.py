"""Many requests at a time: each is answered as the single verb would, and what was not answered is unknown."""

from wutong.centre.engines.local.client import LocalEngine
from wutong.centre.engines.protocol import Absent, Accepted, Refused, Unknown


def test_many_submissions_are_answered_in_order_and_taken_once(agent, tmp_path):
    mark = tmp_path / "mark"
    specs = [agent.spec(f"m{number}", f"echo m{number} >> {mark}", memory_mb=16) for number in range(12)]
    large = agent.spec("large", "true", environment={"TEXT": "x" * 100_000})
    impossible = agent.spec("impossible", "true", slots=1000)
    said = agent.engine.submit_many([*specs[:6], impossible, large, *specs[6:], specs[0]])
    assert isinstance(said[6], Refused)
    assert [*said[:6], *said[7:]] == [Accepted()] * 14
    for spec in (*specs, large):
        agent.ended(spec.name)
    assert sorted(mark.read_text().split()) == sorted(spec.name for spec in specs)


def test_many_are_forgotten_and_each_tells_what_became_of_it(agent):
    agent.submit("ended", "true")
    agent.ended("ended")
    agent.submit("runs", "sleep 30")
    said = agent.engine.forget_many(["ended", "runs", "nobody"])
    assert said[0] == Accepted()
    assert isinstance(said[1], Unknown)
    assert said[2] == Absent()
    assert agent.engine.forget_many([]) == []


def test_without_an_agent_every_answer_is_unknown(agent, tmp_path):
    said = LocalEngine(tmp_path / "nowhere").submit_many([agent.spec("a", "true"), agent.spec("b", "true")])
    assert all(isinstance(answer, Unknown) for answer in said)
    assert len(said) == 2
