"""Which identity a service gets."""

import os
import pwd

import pytest

from wutong.kit.asuser import CannotDropRoot, Identity, identity_for, service_user, succeeds

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")


@as_root
def test_root_becomes_the_service_user_with_no_right_at_all() -> None:
    identity = identity_for(None, lambda _: True, program="it")
    assert identity.uid == service_user().pw_uid != 0
    assert "--ambient-caps=-all" in identity.prefix
    assert succeeds((*identity.prefix, "sh", "-c", f'test "$(id -u)" = {identity.uid}'))


@as_root
def test_what_is_there_already_keeps_its_owner() -> None:
    daemon = pwd.getpwnam("daemon")
    assert identity_for(daemon.pw_uid, lambda _: True, program="it").uid == daemon.pw_uid


@as_root
def test_rights_grow_only_as_far_as_needed() -> None:
    tried: list[Identity] = []

    def works(identity: Identity) -> bool:
        tried.append(identity)
        return len(tried) == 2

    assert "--ambient-caps=-all,+dac_read_search" in identity_for(None, works, program="it").prefix


@as_root
def test_it_says_so_when_nothing_works() -> None:
    with pytest.raises(CannotDropRoot, match="cannot reach the files"):
        identity_for(None, lambda _: False, program="It")


@pytest.mark.skipif(os.geteuid() == 0, reason="root is another case")
def test_an_ordinary_user_stays_who_they_are() -> None:
    assert identity_for(None, lambda _: False, program="it").prefix == ()
