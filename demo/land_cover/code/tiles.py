"""Satellite tiles with land-cover masks: <folder>/<tile>/images/*.jpg and <folder>/<tile>/masks/*.png, colours as classes."""

from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("building", "land", "road", "vegetation", "water")
COLOURS = ((60, 16, 152), (132, 41, 246), (110, 193, 228), (254, 221, 58), (226, 169, 41))
IGNORED = 255


def read_image(path: Path) -> np.ndarray:
    """Read a picture as (height, width, 3) bytes."""
    return np.asarray(Image.open(path).convert("RGB"))


def read_mask(path: Path) -> np.ndarray:
    """Read a mask as (height, width) class numbers; colours that are no class are ignored."""
    colours = read_image(path).astype(np.int32)
    mask = np.full(colours.shape[:2], IGNORED, np.uint8)
    for number, colour in enumerate(COLOURS):
        mask[np.abs(colours - colour).sum(axis=2) <= 12] = number
    return mask


def read_tiles(folder: Path) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """Read all tiles: name to the (image, mask) of its parts. Parts whose sizes disagree are cut to what both have."""
    tiles: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    for image_path in sorted(folder.glob("*/images/*.jpg")):
        tile = image_path.parent.parent
        image, mask = read_image(image_path), read_mask(tile / "masks" / f"{image_path.stem}.png")
        height, width = min(image.shape[0], mask.shape[0]), min(image.shape[1], mask.shape[1])
        tiles.setdefault(tile.name, []).append((image[:height, :width], mask[:height, :width]))
    if len(tiles) < 2:
        raise SystemExit(f"Found {len(tiles)} tiles in {folder}; at least 2 are needed, as <tile>/images/*.jpg with <tile>/masks/*.png.")
    return tiles
