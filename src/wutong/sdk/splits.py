"""Splits on the wire: dividing a version into training, validation and test parts, and the calls for it."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from wutong.sdk.data import Version
from wutong.sdk.wire import Received, Sent

if TYPE_CHECKING:
    from wutong.sdk.client import Client  # the server imports the wire types, and does without the HTTP client

MOST_TOLD = 1000


class SplitRequest(Sent):
    """How to divide a version. A group of files (a part, a road, a person) is never divided; the same request gives the same parts."""

    train: int = Field(80, ge=0, le=100, description="Share of the training part, in per cent; the three add up to 100.")
    val: int = Field(10, ge=0, le=100, description="Share of the validation part.")
    test: int = Field(10, ge=0, le=100, description="Share of the test part.")
    by: Literal["folder", "pattern", "listing"] = Field("folder", description="How a file's group is told.")
    level: int = Field(1, ge=1, le=32, description="By folder: the first so many folders of a path name its group.")
    pattern: str = Field("", max_length=300, description="By pattern: a regular expression (RE2) whose first parenthesis names the group.")
    listing: str = Field("", max_length=1024, description="By listing: path of a CSV file of this version.")
    path_column: str = Field("", max_length=200, description="Its column of paths.")
    group_column: str = Field("", max_length=200, description="Its column of groups.")
    prefix: str = Field("", max_length=1024, description="Divide only files below this.")
    seed: int = Field(0, ge=0, lt=2**31, description="Another number gives another split.")
    together: bool = Field(False, description="Keep groups that share an equal file on one side.")


class SplitGroup(Received):
    """Files that stay together, and the part they fall into."""

    name: str
    files: int
    size_bytes: int
    part: str
    joined: list[str] = Field(default_factory=list)


class SplitPart(Received):
    """One side, as it comes out; `wanted` is the share asked for, in per cent."""

    name: str
    wanted: int
    groups: int
    files: int
    size_bytes: int


class SplitPlan(Received):
    """How a version would be divided. Of groups, files outside of all groups, and equal files on two sides, the first thousand are told."""

    parts: list[SplitPart]
    groups: list[SplitGroup]
    group_count: int
    outside: list[str]
    outside_count: int
    too_large: list[str]
    leaks: list[tuple[str, str]]
    leak_count: int


def plan_split(client: "Client", version_id: str, request: SplitRequest) -> SplitPlan:
    """Look how a version would be divided; nothing is made."""
    return client.post(f"/api/v1/versions/{version_id}/split/plan", request, SplitPlan, key="ask")


def make_split(client: "Client", version_id: str, request: SplitRequest) -> Version:
    """Divide a version; the lists of the parts (`splits/train.txt` ...) are in the version this makes, beside its files."""
    return client.post(f"/api/v1/versions/{version_id}/split", request, Version, key=f"split-{version_id}")
