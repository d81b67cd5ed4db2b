"""Draws figures as SVG paths on the server: lines over time, and heat maps of nodes by hours. Pure; colours are the style sheet's."""

from collections.abc import Iterable, Mapping, Sequence

LEVELS = 5
"""Shades of a heat map: 0 for idle, 4 for (nearly) full; None stands for no capacity at all."""


def level_of(permille: int | None) -> int | None:
    """Return the shade of a share in permille."""
    return None if permille is None else 0 if permille < 10 else min(permille * (LEVELS - 1) // 1000 + 1, LEVELS - 1)


def heat_paths(rows: Sequence[Sequence[int | None]]) -> dict[str, str]:
    """Return one path for each shade (`h0` to `h4`, `off` without capacity) over unit cells; equal neighbours in a row are one box."""
    boxes: dict[str, list[str]] = {}
    for y, row in enumerate(rows):
        begin = 0
        shades = [level_of(permille) for permille in row]
        for x in range(1, len(shades) + 1):
            if x == len(shades) or shades[x] != shades[begin]:
                name = "off" if shades[begin] is None else f"h{shades[begin]}"
                boxes.setdefault(name, []).append(f"M{begin} {y}h{x - begin}v1h{begin - x}z")
                begin = x
    return {name: "".join(parts) for name, parts in sorted(boxes.items())}


def line_path(values: Iterable[float | None], *, width: float, height: float, most: float = 1.0) -> str:
    """Return the path of values at even distances, the first at the left; a gap is left where one is missing."""
    given = list(values)
    step = width / max(len(given) - 1, 1)
    parts, pen_down = [], False
    for place, value in enumerate(given):
        if value is None:
            pen_down = False
            continue
        y = height * (1 - min(max(value / most if most else 0, 0), 1))
        parts.append(f"{'L' if pen_down else 'M'}{place * step:.4g} {y:.4g}")
        if not pen_down and (place + 1 == len(given) or given[place + 1] is None):
            parts.append("h.01")  # a value between two gaps is a dot
        pen_down = True
    return "".join(parts)


def bars(values: Sequence[float], *, width: float, height: float, gap: float = 0.2) -> list[tuple[float, float, float, float]]:
    """Return (x, y, width, height) of a bar for each value, the largest as high as the picture."""
    most = max(values, default=0) or 1
    each = width / max(len(values), 1)
    found = []
    for place, value in enumerate(values):
        tall = height * max(value, 0) / most
        found.append((round(place * each + each * gap / 2, 2), round(height - tall, 2), round(each * (1 - gap), 2), round(tall, 2)))
    return found


def totals(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Add up mappings key by key."""
    sums: dict[str, int] = {}
    for part in parts:
        for key, value in part.items():
            sums[key] = sums.get(key, 0) + value
    return sums
