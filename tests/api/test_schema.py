"""Inputs made from the API's own description: no 500, and every answer as described."""

import os

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance
from tests.api.callers import Door
from tests.api.conftest import application

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
PHASES = (Phase.explicit, Phase.generate)
EXAMPLES = int(os.environ.get("WUTONG_SCHEMA_EXAMPLES", "3"))
CALM = settings(max_examples=EXAMPLES, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
LONG = settings(CALM, max_examples=100)


@pytest.fixture
def api(centre: Door):
    """The description, with a token that lives through signing out."""
    token = centre.ok("owner", "POST", "/tokens", json={"name": "schema"})["secret"]
    centre.people["owner"].secret = token
    return schemathesis.openapi.from_asgi("/api/openapi.json", application(centre.context))


schema = schemathesis.pytest.from_fixture("api")


@schema.parametrize()
@CALM
def test_every_operation_answers_as_described(case, centre):
    case.call_and_validate(headers=centre.headers("owner"), checks=list(CHECKS))


@schema.parametrize()
@CALM
def test_also_for_the_centres_staff(case, centre):
    case.call_and_validate(headers=centre.headers("operator"), checks=list(CHECKS))


@pytest.mark.slow
@schema.parametrize()
@LONG
def test_every_operation_answers_as_described_at_length(case, centre):
    case.call_and_validate(headers=centre.headers("owner"), checks=list(CHECKS))
