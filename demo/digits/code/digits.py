"""Handwritten digits: what training and prediction share. Files are PGM images in a folder named by their label."""

from pathlib import Path

import numpy as np


def read_image(path: Path) -> np.ndarray:
    """Read one 8 x 8 image as 64 numbers from 0 to 1."""
    header, pixels = path.read_bytes().split(b"\n", 1)
    if header != b"P5 8 8 16" or len(pixels) != 64:
        raise ValueError(f"{path} is not an 8 x 8 PGM image with 17 greys")
    return np.frombuffer(pixels, dtype=np.uint8).astype(np.float64) / 16


def read_folder(folder: Path) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Read all images below a folder: pixels (n, 64), labels (n,), relative paths."""
    paths = sorted(folder.glob("[0-9]/*.pgm"))
    if not paths:
        raise SystemExit(f"There are no images in {folder}: expected files such as {folder}/7/0042.pgm.")
    pixels = np.stack([read_image(path) for path in paths])
    labels = np.array([int(path.parent.name) for path in paths])
    return pixels, labels, [str(path.relative_to(folder)) for path in paths]


def is_held_out(name: str) -> bool:
    """Tell whether an image belongs to the fifth that training never sees; by number, so that everybody divides alike."""
    return int(Path(name).stem) % 5 == 4


def predict(weights: dict[str, np.ndarray], pixels: np.ndarray) -> np.ndarray:
    """Return the likeliest label of each row of pixels (n, 64) under the trained network."""
    hidden = np.maximum(pixels @ weights["w0"] + weights["b0"], 0)
    return np.argmax(hidden @ weights["w1"] + weights["b1"], axis=1)
