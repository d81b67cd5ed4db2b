"""Settings: environment over file over default; what is unknown or wrong is refused."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from wutong.kit.settings import Settings


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    import os

    for name in [name for name in os.environ if name.startswith("WUTONG_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WUTONG_HOME", str(tmp_path))
    return tmp_path


def test_defaults_need_nothing(clean: Path) -> None:
    settings = Settings()
    assert settings.home == clean
    assert settings.database_url is None
    assert settings.blobs.parent == settings.agent_home.parent == settings.key_file.parent == clean


def test_the_environment_wins_over_the_file(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (clean / "wutong.toml").write_text('port = 9000\nhost = "0.0.0.0"\n')
    monkeypatch.setenv("WUTONG_PORT", "9100")
    settings = Settings()
    assert (settings.port, settings.host) == (9100, "0.0.0.0")


@pytest.mark.parametrize("line", ["prot = 9000", "port = 70000", 'centre = "Has Spaces"', "hold_minutes = 0"])
def test_what_is_wrong_is_refused(clean: Path, line: str) -> None:
    (clean / "wutong.toml").write_text(line)
    with pytest.raises(ValidationError):
        Settings()


def test_a_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WUTONG_DATABASE_URL", "postgresql://me:hunter2@db/wutong")
    assert "hunter2" not in repr(Settings())
