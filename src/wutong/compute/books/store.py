"""All SQL of readings."""

from dataclasses import asdict

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from wutong.compute.books.rules import Reading
from wutong.compute.books.tables import ReadingRow


def newest(session: Session) -> Reading | None:
    """Return the latest reading."""
    row = session.scalar(select(ReadingRow).order_by(ReadingRow.at.desc()).limit(1))
    if row is None:
        return None
    values = {name: getattr(row, name) for name in Reading.__dataclass_fields__}
    return Reading(**{**values, "problems": tuple(row.problems)})


def add(session: Session, reading: Reading) -> None:
    """Keep a reading."""
    session.execute(insert(ReadingRow).values(**asdict(reading)))
