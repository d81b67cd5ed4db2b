"""Work that can be interrupted: it counts steps, keeps the count as its checkpoint, and goes on from there wherever it is started again."""

import os
import signal
import sys
import time
from pathlib import Path

CHECKPOINT = Path(os.environ["WUTONG_CHECKPOINT"]) / "step"
SECONDS = 0.25


def main(last: int) -> None:
    """Count from the checkpoint to the last step."""
    first = int(CHECKPOINT.read_text()) if CHECKPOINT.exists() else 0
    said = "begins" if not first else f"goes on from step {first}"
    print(f"start {os.environ.get('WUTONG_RESTART', '0')} {said}", flush=True)
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: asked.append(number))
    for step in range(first + 1, last + 1):
        time.sleep(SECONDS)
        keep(step)
        if step % 8 == 0:
            print(f"step {step} of {last}", flush=True)
        if asked:
            print(f"asked to make room at step {step}: saved", flush=True)
            sys.exit(0)
    (Path(os.environ["WUTONG_OUTPUTS"]) / "steps.txt").write_text(f"{last}\n")
    print(f"done after {last} steps", flush=True)


def keep(step: int) -> None:
    """Replace the checkpoint whole or not at all."""
    draft = CHECKPOINT.with_suffix(".new")
    draft.write_text(str(step))
    draft.rename(CHECKPOINT)


if __name__ == "__main__":
    main(int(sys.argv[1]))
