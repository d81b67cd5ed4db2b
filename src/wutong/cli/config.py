"""Where the command keeps the address of the centre and the token: one file only its owner may read; the environment goes before it."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs

from wutong.cli.show import Stop

DEFAULT_URL = "http://127.0.0.1:8750"


@dataclass(frozen=True, slots=True)
class Config:
    """How to reach the centre."""

    url: str = DEFAULT_URL
    token: str | None = None


def config_file() -> Path:
    """Return the path of the file."""
    return Path(os.environ.get("WUTONG_CLI_CONFIG") or platformdirs.user_config_path("wutong") / "cli.json")


def load() -> Config:
    """Read the file, and let WUTONG_URL and WUTONG_TOKEN go before what it says."""
    path = config_file()
    kept: dict[str, str] = {}
    if path.exists():
        try:
            kept = json.loads(path.read_text())
        except ValueError:
            raise Stop(f"{path} cannot be read as JSON. Run `wutong login` to write it anew.") from None
    return Config(os.environ.get("WUTONG_URL") or kept.get("url", DEFAULT_URL), os.environ.get("WUTONG_TOKEN") or kept.get("token"))


def save(config: Config) -> Path:
    """Write the file, readable by its owner only."""
    path = config_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    handle = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(asdict(config), file)
    draft.replace(path)
    return path


def forget() -> None:
    """Drop the token."""
    if config_file().exists():
        save(Config(load().url, None))
