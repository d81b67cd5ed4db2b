"""The file trees jobs run on: versions of the hub laid out as folders, one for each digest, made with no transaction open."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.orm import Session

from wutong.centre import service as centre
from wutong.compute.jobs.rules import Input, JobLimits
from wutong.hub import service as hub
from wutong.hub.rules import BlobStore, File


def is_confined(session: Session, engine: str) -> bool:
    """Tell whether an engine shows runs only what they were given, and read-only, as far as it last said."""
    capabilities = centre.find_capabilities(session, engine)
    return capabilities is not None and capabilities.isolation not in ("", "none")


def tree_of(limits: JobLimits, item: Input, *, confined: bool) -> Path:
    """Return the folder of a version, whether it is there yet or not. Runs that could write to it get copies, never links to the store."""
    return (limits.trees if confined else limits.tree_copies) / item.digest


def make_tree(blobs: BlobStore, limits: JobLimits, item: Input, files: Sequence[File], *, confined: bool) -> Path:
    """Lay a version out; quick when it is there. Two at once end with one folder."""
    return hub.materialise(blobs, files, tree_of(limits, item, confined=confined), writable=not confined)
