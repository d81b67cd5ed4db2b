"""A tenant with an owner and a member, and the owner of another tenant, each as the principal a request would carry."""

from dataclasses import dataclass

import pytest
from sqlalchemy.orm import Session

from wutong.identity import service
from wutong.identity.credit_code import check_character
from wutong.identity.rules import Principal, Role


def credit_code(number: int) -> str:
    """A valid unified social credit code."""
    first = f"91420100{number:09d}"
    return first + check_character(first)


@dataclass
class House:
    """Makes people in one transaction."""

    session: Session
    made: int = 0

    def register(self, name: str) -> Principal:
        """Register a tenant and return its owner, signed in."""
        self.made += 1
        _, person = service.register_tenant(
            self.session,
            name=f"House of {name}",
            credit_code=credit_code(self.made),
            kind="enterprise",
            person_name=name,
            email=f"{name}@example.cn",
            password_hash=f"hash of {name}",
        )
        return self.enter(person.id)

    def join(self, who: Principal, name: str, role: Role) -> Principal:
        """Invite somebody, accept, and return them signed in."""
        _, secret = service.invite(self.session, who, f"{name}@example.cn", role)
        member = service.accept_invitation(self.session, secret, name, "hash")
        return self.enter(member.person_id, member.tenant_id)

    def enter(self, person_id: str, tenant_id: str | None = None) -> Principal:
        """Open a session and return who it is."""
        _, secret = service.open_session(self.session, person_id, tenant_id, "10.0.0.1")
        return service.authenticate(self.session, secret, address="10.0.0.1")


@pytest.fixture
def house(session: Session) -> House:
    """A maker of people."""
    return House(session)


@pytest.fixture
def owner(house: House) -> Principal:
    """The owner of a tenant."""
    return house.register("owner")


@pytest.fixture
def operator(house: House) -> Principal:
    """The centre's first operator."""
    person = service.create_operator(house.session, "operator@centre.cn", "Operator", "hash")
    return house.enter(person.id)
