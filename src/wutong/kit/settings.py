"""All settings of a centre in one typed object: from the environment (`WUTONG_...`), then `wutong.toml` in the home folder, then these defaults."""

import os
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource


def default_home() -> Path:
    """Return the folder a centre lives in when nobody says otherwise."""
    return Path(os.environ.get("WUTONG_HOME") or platformdirs.user_data_path("wutong"))


class SlurmCluster(BaseModel):
    """A Slurm cluster that runs jobs of this centre. In the file: one `[[slurm]]` each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    conf: Path = Field(description="The cluster's slurm.conf.")
    root: Path = Field(description="Folder shared by all its nodes that tenants' UNIX users can pass; the centre's own subfolders are made there.")
    name: str = Field("slurm", pattern=r"^[a-z][a-z0-9-]{0,30}$", description="What its engine is called here.")
    users: Literal["make", "find", "one"] = Field(
        "find", description="UNIX users of tenants: made on this host, found by `user_pattern`, or one for all."
    )
    user_pattern: str = Field(
        "wutong-{tenant}", description="Name of a tenant's UNIX user where users are found; the name of the one user where all share it."
    )
    accounts: bool = Field(True, description="Keep an account with a fair share, and the service classes, for each tenant in Slurm's accounting.")
    partition: str | None = Field(None, description="Partition of runs whose pool names none.")
    sandbox: Literal["bubblewrap", "none"] = Field("bubblewrap", description="How jobs are confined on the nodes.")
    python: str = Field("/usr/bin/python3", description="Python of the nodes, 3.9 or younger.")
    switch_wait_s: int = Field(
        0, ge=0, le=86400, description="How long a job over several nodes may wait for nodes below one switch; Slurm's max_switch_wait is the most."
    )


class OidcProvider(BaseModel):
    """An OpenID Connect provider that people may sign in with. In the file: one `[[oidc]]` each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,30}$", description="Short name; it stands in addresses and must not change.")
    label: str = Field(min_length=1, max_length=60, description="What people read on the button.")
    issuer: str = Field(pattern=r"^https?://", description="The provider's issuer; https, unless it runs on this machine.")
    client_id: str = Field(min_length=1, description="What the provider calls this centre.")
    client_secret: SecretStr = Field(description="The secret it gave us.")


class Settings(BaseSettings):
    """What can be set. Every field is described here, and the reference is made from it."""

    model_config = SettingsConfigDict(env_prefix="WUTONG_", extra="forbid", frozen=True)

    home: Path = Field(default_factory=default_home, description="Folder that holds all of the centre's state.")
    centre: str = Field("wutong", pattern=r"^[a-z][a-z0-9]{1,15}$", description="Short name of this centre; it begins the name of every run.")
    database_url: SecretStr | None = Field(
        None, description="PostgreSQL to use (postgresql://...). Unset: an embedded one is run in the home folder."
    )
    database_pool: int = Field(10, ge=1, le=200, description="Database connections one process may hold open.")
    host: str = Field("127.0.0.1", description="Address the API listens on.")
    port: int = Field(8750, ge=0, le=65535, description="Port the API listens on; 0 takes a free one.")
    api_processes: int = Field(1, ge=1, le=64, description="Processes that serve the API.")
    api_threads: int = Field(8, ge=1, le=500, description="Requests one API process works on at once.")
    slots: int = Field(0, ge=0, le=4096, description="Accelerator slots of the local engine; 0 takes one per processor, at least 4.")
    accelerator: str = Field(
        "auto",
        pattern=r"^[a-z][a-z0-9._-]{0,39}$",
        description="Kind of this machine's own cards, such as ascend910b; auto: what NVIDIA's driver tells; none: offer processors only.",
    )
    memory_mb: int = Field(0, ge=0, description="Memory the local engine may give to jobs, MiB; 0 takes three quarters of the machine.")
    sandbox: Literal["auto", "bubblewrap", "none"] = Field("auto", description="How the local engine confines jobs; auto: bubblewrap where it works.")
    slurm: tuple[SlurmCluster, ...] = Field((), description="Slurm clusters that run jobs, as `[[slurm]]` tables; in the environment a JSON list.")
    allow_unconfined_tenants: bool = Field(False, description="Let several tenants run jobs although the engine cannot confine them.")
    job_network: bool = Field(False, description="Let jobs reach the network, and the API with a token of their own that dies with them.")
    blob_url: str | None = Field(None, description="Object store for blobs (s3://bucket/prefix). Unset: a folder in the home folder.")
    upload_limit_gb: int = Field(512, ge=1, description="Largest single upload, GiB.")
    find_links: str | None = Field(None, description="Extra folder or page where the environment builder finds wheels.")
    log_limit_mb: int = Field(64, ge=1, le=4096, description="How much a run may print before it is ended, MiB for each of its processes.")
    hold_minutes: int = Field(60, ge=1, le=24 * 60, description="How much running time a hold covers at a time; it is extended while the job runs.")
    grace_minutes: int = Field(10, ge=0, le=24 * 60, description="Time a job gets to save a checkpoint when the money has run out.")
    one_person_yuan: int = Field(
        0, ge=0, description="Top-ups and refunds of up to so many yuan need no second person of finance in the portal; 0: every one does."
    )
    public_url: str | None = Field(
        None, pattern=r"^https?://[^/?#\s]+$", description="Address people reach the portal at, such as https://ai.example.cn. Unset: host and port."
    )
    mail_url: SecretStr | None = Field(
        None, description="Mail server (smtps://user:password@host:port or smtp://...). Unset: mails are written to `mail` in the home folder."
    )
    mail_from: str = Field("wutong@localhost", pattern=r"^[^@\s<>]+@[^@\s<>]+$", description="Address mails are sent from.")
    oidc: tuple[OidcProvider, ...] = Field((), description="OpenID Connect providers people may sign in with, as `[[oidc]]` tables.")
    webhook_loopback: bool = Field(False, description="Let webhooks lead to this machine, and over plain HTTP; for trying them out.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least serious events that are logged.")
    log_json: bool = Field(False, description="Log one JSON object a line instead of readable lines.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment over file over defaults."""
        toml = Path(os.environ.get("WUTONG_CONFIG") or default_home() / "wutong.toml")
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml)

    @property
    def portal(self) -> str:
        """Address of the portal, as it begins the links in mails."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"

    @property
    def key_file(self) -> Path:
        """Key that seals secrets at rest."""
        return self.home / "secret.key"

    @property
    def agent_home(self) -> Path:
        """Folder of the local engine's agent."""
        return self.home / "agent"

    @property
    def blobs(self) -> Path:
        """Folder of the blob store when it is local."""
        return self.home / "blobs"

    @property
    def environments(self) -> Path:
        """Folder of built job environments."""
        return self.home / "environments"
