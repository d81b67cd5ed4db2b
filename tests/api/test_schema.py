"""Inputs made from the API's own description: no 500, and every answer as described."""

import os

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance
from tests.api.callers import Door
from tests.api.conftest import application, open_door

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = int(os.environ.get("WUTONG_SCHEMA_EXAMPLES", "3"))
QUIET = {"deadline": None, "phases": (Phase.explicit, Phase.generate), "suppress_health_check": list(HealthCheck)}

OPERATIONS = {found.ok().label: found.ok() for found in schemathesis.openapi.from_asgi("/api/openapi.json", application(None)).get_all_operations()}


@pytest.fixture(scope="module")
def all_day(migrated, tmp_path_factory, password_hash):
    """One centre for all inputs; its people act by tokens, which live through signing out."""
    for door in open_door(migrated, tmp_path_factory.mktemp("home"), password_hash):
        for name in ("owner", "operator"):
            door.people[name].secret = door.ok(name, "POST", "/tokens", json={"name": "schema"})["secret"]
        yield door


@pytest.mark.parametrize("label", sorted(OPERATIONS))
def test_every_operation_answers_as_described(all_day: Door, label: str):
    ask(all_day, label, EXAMPLES)


@pytest.mark.slow
@pytest.mark.parametrize("label", sorted(OPERATIONS))
def test_every_operation_answers_as_described_at_length(all_day: Door, label: str):
    ask(all_day, label, 100)


def ask(door: Door, label: str, examples: int) -> None:
    """Send made-up requests as an owner and as an operator."""
    application(door.context)

    @settings(max_examples=examples, **QUIET)
    @given(case=OPERATIONS[label].as_strategy(), person=st.sampled_from(["owner", "operator"]))
    def answers(case, person):
        door.context.throttle.forget()
        case.call_and_validate(headers=door.headers(person), checks=CHECKS)

    answers()
