"""Makes PDF documents of templates and values with Typst, each in a process of its own: its time and room are bounded, and nothing stays in ours.

Values reach a template as JSON and are shown as text; nothing in them is ever read as markup. Pictures are SVG of our own making.
"""

import json
import resource
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wutong.kit.errors import Problem
from wutong.web import assets

TEMPLATES = Path(__file__).parent / "templates" / "documents"
LONGEST_S = 30
PATIENCE_S = 20
_ROOM_BYTES = 2 * 2**30
_turn = threading.Lock()
_PROGRAM = "from wutong.web.typeset import main; main()"


class DocumentBusy(Problem):
    """Documents are made one at a time."""

    code = "document_busy"
    status = 503
    message = "Another document is being made at the moment. Ask again in a minute."


class DocumentFailed(Problem):
    """The document could not be made."""

    code = "document_failed"
    status = 500
    message = "The document could not be made. The page itself can be printed; tell the centre's operators."


def typeset(template: str, values: Mapping[str, Any]) -> bytes:
    """Return the PDF that a template makes of values. Holds up its thread: not to be called with a transaction open.

    Characters that our own fonts lack are taken from fonts installed on the machine; without any they become boxes.
    """
    assets.manifest()
    task = json.dumps({"template": str(TEMPLATES / template), "fonts": str(assets.FOLDER), "values": values}).encode()
    if not _turn.acquire(timeout=PATIENCE_S):
        raise DocumentBusy
    try:
        done = subprocess.run([sys.executable, "-c", _PROGRAM], input=task, capture_output=True, timeout=LONGEST_S, check=False)
    except subprocess.TimeoutExpired as late:
        raise DocumentFailed from late
    finally:
        _turn.release()
    if done.returncode != 0:
        from wutong.kit.log import get_logger  # here, so that the other process does without

        get_logger(__name__).error("document_failed", template=template, said=done.stderr.decode(errors="replace")[-2000:])
        raise DocumentFailed
    return done.stdout


def main() -> None:
    """Read a task from the standard input and write its PDF to the standard output."""
    import typst

    resource.setrlimit(resource.RLIMIT_AS, (_ROOM_BYTES, _ROOM_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (LONGEST_S, LONGEST_S))
    task = json.load(sys.stdin)
    template = Path(task["template"])
    inputs = {"values": json.dumps(task["values"])}
    try:
        made = typst.compile(template, root=template.parent, font_paths=[task["fonts"]], sys_inputs=inputs, format="pdf")
    except typst.TypstError as wrong:
        sys.exit(wrong.diagnostic)
    sys.stdout.buffer.write(made)
