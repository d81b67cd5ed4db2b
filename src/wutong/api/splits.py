"""Dividing a version into training, validation and test parts."""

from wutong.api.auth import Asking, Caller, Router
from wutong.hub import service
from wutong.hub.rules import BlobStore, GroupBy, Split, SplitSpec, Version
from wutong.identity.rules import Permission
from wutong.sdk import data
from wutong.sdk import splits as wire

router = Router(tag="data")


@router.post("/versions/{version_id}/split/plan")
async def plan_split(asking: Asking, version_id: str, body: wire.SplitRequest) -> wire.SplitPlan:
    """Tell how a version would be divided, without making anything. A group of files is never divided."""
    return _told(await asking.ask(lambda tx, who: service.plan_split(tx, who, version_id, _spec(body), blobs=_blobs(asking)), Permission.DATA_READ))


@router.post("/versions/{version_id}/split", status_code=201, response_model=data.Version)
async def make_split(asking: Asking, version_id: str, body: wire.SplitRequest) -> Version:
    """Divide a version: the next version has the lists `splits/train.txt`, `splits/val.txt` and `splits/test.txt` beside the same files."""
    return await asking.ask(lambda tx, who: service.make_split(tx, who, version_id, _spec(body), blobs=_blobs(asking)), Permission.DATA_WRITE)


def _blobs(asking: Caller) -> BlobStore:
    found: BlobStore = asking.context.blobs
    return found


def _spec(body: wire.SplitRequest) -> SplitSpec:
    return SplitSpec(**{**body.model_dump(), "by": GroupBy(body.by)})


def _told(split: Split) -> wire.SplitPlan:
    most = wire.MOST_TOLD
    return wire.SplitPlan(
        parts=[wire.SplitPart.model_validate(part) for part in split.parts],
        groups=[wire.SplitGroup.model_validate(group) for group in split.groups[:most]],
        group_count=len(split.groups),
        outside=list(split.outside[:most]),
        outside_count=len(split.outside),
        too_large=list(split.too_large[:most]),
        leaks=list(split.leaks[:most]),
        leak_count=len(split.leaks),
    )
