"""The table of foreign starts. Only added to: a trigger refuses the rest."""

from datetime import datetime

from sqlalchemy import BigInteger, Identity
from sqlalchemy.orm import Mapped, mapped_column

from wutong.kit.database import Base


class ForeignStartRow(Base):
    """A start of a job that the centre did not submit; each is registered once, after it has ended."""

    __tablename__ = "centre_foreign_start"

    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    engine: Mapped[str]
    job: Mapped[str]
    job_name: Mapped[str]
    user: Mapped[str]
    account: Mapped[str]
    tenant: Mapped[str | None]
    pool: Mapped[str]
    cards: Mapped[int]
    state: Mapped[str]
    node: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    disputed: Mapped[bool]
    registered_at: Mapped[datetime]
