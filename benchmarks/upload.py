"""Upload of 1 GiB by tus over loopback with sha256, against `cp` and `sha256sum` of the same file in the same run; and a second push of one folder.

`python benchmarks/upload.py` starts a centre of its own in a temporary folder.
"""

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from rows import Row, show

from wutong.app.trial import TrialCentre
from wutong.sdk import transfer
from wutong.sdk.client import Client
from wutong.sdk.data import RepoKind

SIZE_MIB, SMALL_FILES = 1024, 2000


def memory_mib(pid: int) -> int:
    """Return the resident memory of a process and all below it, MiB."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        own = int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) // 1024
        return own + sum(memory_mib(int(child)) for child in children.read_text().split())
    except (FileNotFoundError, ProcessLookupError, TypeError):
        return 0


class Watch(threading.Thread):
    """Keeps the highest memory seen."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.most, self.over = pid, 0, threading.Event()

    def run(self) -> None:
        """Look five times a second."""
        while not self.over.wait(0.2):
            self.most = max(self.most, memory_mib(self.pid))


def local(source: Path, target: Path) -> float:
    """Seconds of `cp` and `sha256sum`."""
    began = time.perf_counter()
    subprocess.run(["cp", source, target], check=True)
    subprocess.run(["sha256sum", target], check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    target.unlink()
    os.sync()
    return seconds


def large(client: Client, folder: Path, pid: int) -> list[Row]:
    """Push one file of 1 GiB without the client's own hashing: what is measured is the upload."""
    source = folder / "large"
    with source.open("wb") as file:
        for _ in range(SIZE_MIB):
            file.write(os.urandom(1 << 20))
    os.sync()
    before = local(source, folder / "copy")
    at_rest, watch = memory_mib(pid), Watch(pid)
    watch.start()

    def pieces(offset: int):
        with source.open("rb") as file:
            file.seek(offset)
            while piece := file.read(1 << 20):
                yield piece

    began = time.perf_counter()
    transfer._tus(client, pieces, SIZE_MIB << 20, {"filename": "large", "kind": "blob"})  # noqa: SLF001 - the upload alone
    seconds = time.perf_counter() - began
    watch.over.set()
    os.sync()
    peer = min(before, local(source, folder / "copy"))
    return [
        Row("upload 1 GiB by tus with sha256", f"{seconds:.1f} s", f"cp + sha256sum: {peer:.1f} s", f"{peer / seconds:.2f}x", ">= 0.5x"),
        Row("memory of the API during it", f"{watch.most} MiB", f"at rest: {at_rest} MiB", f"+{watch.most - at_rest} MiB", "flat"),
    ]


def folders(client: Client, folder: Path) -> list[Row]:
    """Push a folder of small files twice."""
    source = folder / "small"
    source.mkdir()
    for number in range(SMALL_FILES):
        (source / f"{number}.bin").write_bytes(os.urandom(2000))
    began = time.perf_counter()
    first = transfer.push(client, source, kind=RepoKind.DATASET, name="small")
    middle = time.perf_counter()
    second = transfer.push(client, source, kind=RepoKind.DATASET, name="small")
    end = time.perf_counter()
    assert second.version.id == first.version.id
    return [
        Row(f"push {SMALL_FILES} files of 2 kB", f"{middle - began:.1f} s"),
        Row("push them again: time; blobs sent", f"{end - middle:.1f} s; {second.sent_files}", target="0 blobs"),
    ]


def rows() -> list[Row]:
    """Run all in a centre of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        centre = TrialCentre(folder / "home", slots=4).start()
        try:
            token = centre.tenant("Benchmark").token
            with Client(centre.url, token) as client:
                return large(client, folder, centre.pids()["api-0"]) + folders(client, folder)
        finally:
            centre.stop()


if __name__ == "__main__":
    show(rows())
    sys.exit(0)
