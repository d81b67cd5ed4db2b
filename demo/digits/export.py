"""Writes the 1,797 handwritten digits that ship inside scikit-learn as image files: <folder>/<label>/<number>.pgm, 8 x 8 pixels, 17 greys.

Run by a Python that has scikit-learn: `python export.py FOLDER`.
"""

import sys
from pathlib import Path

from sklearn.datasets import load_digits


def main(folder: Path) -> None:
    """Write one file a digit."""
    digits = load_digits()
    for number, (pixels, label) in enumerate(zip(digits.images.astype("uint8"), digits.target, strict=True)):
        path = folder / str(label) / f"{number:04d}.pgm"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"P5 8 8 16\n" + pixels.tobytes())
    print(f"wrote {len(digits.target)} images below {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
