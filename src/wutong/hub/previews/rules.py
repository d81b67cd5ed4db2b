"""What a preview is, and the bounds on it. Pure."""

from dataclasses import dataclass
from enum import StrEnum

HEAD_BYTES = 1024 * 1024
TEXT_BYTES = 200_000
HEX_BYTES = 1024
TABLE_ROWS = 100
TABLE_COLUMNS = 100
CELL_CHARACTERS = 300
IMAGE_BYTES = 20 * 1024 * 1024
IMAGE_PIXELS = 50_000_000


class PreviewKind(StrEnum):
    """How a file is shown. Parquet and GeoTIFF are read by the reader's browser, by ranges."""

    EMPTY = "empty"
    IMAGE = "image"
    LARGE_IMAGE = "large_image"
    TABLE = "table"
    TEXT = "text"
    PARQUET = "parquet"
    GEOTIFF = "geotiff"
    HEX = "hex"


class ColumnType(StrEnum):
    """What the shown values of a column have in common."""

    EMPTY = "empty"
    WHOLE = "whole number"
    DECIMAL = "decimal number"
    MOMENT = "date or time"
    TRUTH = "yes or no"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Image:
    """A picture that browsers show: its media type, and its size in pixels by its own head."""

    media_type: str
    width: int
    height: int

    @property
    def pixels(self) -> int:
        """How many pixels it has."""
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class Table:
    """The first rows of a table. `more_columns` were left out; `cut` tells that there are rows beyond those shown."""

    columns: tuple[tuple[str, ColumnType], ...]
    rows: tuple[tuple[str, ...], ...]
    more_columns: int
    cut: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """What can be shown of a file. `text` is of a text, or the lines of a hex dump; `cut` tells that the file goes on."""

    kind: PreviewKind
    image: Image | None = None
    table: Table | None = None
    text: str = ""
    encoding: str = ""
    cut: bool = False
