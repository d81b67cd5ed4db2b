"""A tenant's owner, a colleague, a stranger and an operator, and what the desk's loops need."""

from dataclasses import dataclass

import pytest
from sqlalchemy.orm import Session
from tests.identity.conftest import House

from wutong.identity.rules import CentreRole, Principal, Role
from wutong.kit.outbox import Outbox
from wutong.kit.seal import ensure_key


@dataclass
class Cast:
    """Everybody who may stand before the desk."""

    house: House
    owner: Principal
    colleague: Principal
    stranger: Principal
    operator: Principal
    finance: Principal


def make_cast(session: Session) -> Cast:
    """Register everybody."""
    from wutong.identity import service

    house = House(session)
    owner = house.register("owner")
    colleague = house.join(owner, "colleague", Role.MEMBER)
    stranger = house.register("stranger")
    operator = house.enter(service.create_operator(session, "operator@centre.cn", "Engineer Wang", "hash").id)
    finance = house.enter(service.create_operator(session, "finance@centre.cn", "Finance", "hash", [CentreRole.FINANCE]).id)
    service.take_untold_invitations(session)
    return Cast(house, owner, colleague, stranger, operator, finance)


@pytest.fixture
def cast(session: Session) -> Cast:
    """Everybody, in the test's own transaction."""
    return make_cast(session)


@pytest.fixture
def outbox(tmp_path) -> Outbox:
    """Where mails are put."""
    return Outbox(ensure_key(tmp_path / "secret.key"), "wutong@example.cn", "https://ai.example.cn")
