"""One whole centre, real in every part, and people before it; the conftest of each folder that tests it gathers these."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.flows.stage import Person, Tenant, open_tenant, operator, shared_centre

from wutong.app.trial import TrialCentre


@pytest.fixture(scope="session")
def centre() -> Iterator[TrialCentre]:
    """The centre all doors of this process are tested on."""
    with shared_centre() as centre:
        yield centre


@pytest.fixture
def tenant(centre: TrialCentre) -> Iterator[Tenant]:
    """A tenant with ten thousand yuan, and a client of the SDK."""
    with open_tenant(centre) as tenant:
        yield tenant


@pytest.fixture
def stranger(centre: TrialCentre) -> Iterator[Tenant]:
    """Another tenant."""
    with open_tenant(centre, "Stranger") as tenant:
        yield tenant


@pytest.fixture
def newcomer(centre: TrialCentre, tmp_path: Path) -> Person:
    """Somebody who has not signed up."""
    folder = tmp_path / "newcomer"
    folder.mkdir()
    return Person(centre, folder)


@pytest.fixture
def finance(centre: TrialCentre, tmp_path: Path) -> Person:
    """The centre's operator and finance, signed in."""
    return operator(centre, tmp_path / "finance")
