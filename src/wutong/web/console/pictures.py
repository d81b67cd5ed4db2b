"""Pictures of documents: whole SVG files with their own colours and scales, for paper. Pure; words in them are escaped."""

from collections.abc import Sequence

from markupsafe import escape

from wutong.web.console.drawing import LEVELS, heat_paths, line_path

WIDTH = 720.0
LEFT = 44.0
FONT = "Noto Sans SC"
GREY, LINE = "#5a6866", "#dbe3e1"
SERIES = ("#0f766e", "#b4540a", "#3b5fc0", "#a3306f", "#5b7a12", "#6b4fb3")
SHADES = {"h0": "#edf4f3", "h1": "#bcdcd8", "h2": "#7fbcb4", "h3": "#3f958c", "h4": "#0f766e", "off": "#ffffff"}


def columns(shares: Sequence[float | None], labels: Sequence[str], *, height: float = 130.0) -> str:
    """Draw a column for each share of one; where there is none, nothing. The mean is a broken line."""
    each = (WIDTH - LEFT) / max(len(shares), 1)
    known = [share for share in shares if share is not None]
    parts = [_scale(height, ["0 %", "25 %", "50 %", "75 %", "100 %"])]
    for place, share in enumerate(shares):
        if share is not None:
            tall = height * share
            box = f'x="{LEFT + place * each + each * 0.14:.2f}" y="{height - tall:.2f}" width="{each * 0.72:.2f}" height="{tall:.2f}"'
            parts.append(f'<rect {box} fill="{SERIES[0]}" rx="1.5"/>')
    if known:
        mean = height * (1 - sum(known) / len(known))
        parts.append(f'<path d="M{LEFT} {mean:.2f}H{WIDTH}" stroke="{SERIES[1]}" stroke-width="1.4" stroke-dasharray="5 4"/>')
    return _svg([*parts, _below(labels, height)], height)


def areas(used: Sequence[float | None], there: Sequence[float | None], labels: Sequence[str], *, height: float = 104.0) -> str:
    """Draw what was used as an area below what there was."""
    most = _round_up(max((value for value in (*used, *there) if value is not None), default=0.0))
    inner = WIDTH - LEFT
    line, bound = (line_path(values, width=inner, height=height, most=most) for values in (used, there))
    step = inner / max(len(used) - 1, 1)
    parts = [_scale(height, [f"{most * part / 4:.3g}" for part in range(5)]), f'<g transform="translate({LEFT} 0)">']
    for first, last in _runs(used):
        top = "L".join(f"{place * step:.2f} {height * (1 - min((used[place] or 0.0) / most, 1)):.2f}" for place in range(first, last + 1))
        parts.append(f'<path d="M{first * step:.2f} {height}L{top}L{last * step:.2f} {height}z" fill="{SERIES[0]}" fill-opacity=".22"/>')
    parts.append(f'<path d="{line}" fill="none" stroke="{SERIES[0]}" stroke-width="2"/>')
    parts.append(f'<path d="{bound}" fill="none" stroke="{GREY}" stroke-width="1.2" stroke-dasharray="4 3"/></g>')
    return _svg([*parts, _below(labels, height, between=True)], height)


def heat(rows: Sequence[Sequence[int | None]], names: Sequence[str], labels: Sequence[str], *, row_height: float, left: float = LEFT) -> str:
    """Draw shares in permille as shades, a row a name; labels stand below, evenly spread."""
    across = max((len(row) for row in rows), default=1)
    height = row_height * len(rows)
    inner = WIDTH - left
    parts = [f'<g transform="translate({left} 0) scale({inner / across:.6f} {row_height})" shape-rendering="crispEdges">']
    parts += [f'<path d="{path}" fill="{SHADES[name]}"/>' for name, path in heat_paths(rows).items()]
    parts.append(f'</g><rect x="{left}" y="0" width="{inner}" height="{height}" fill="none" stroke="{LINE}"/>')
    every = max(1, -(-10 // int(max(row_height, 1))))  # names need ten units of height
    for place, name in enumerate(names):
        if place % every == 0:
            parts.append(_text(left - 6, (place + 0.5) * row_height + 3, str(name)[:18], "end"))
    return _svg([*parts, _below(labels, height, left=left)], height)


def shades() -> str:
    """Draw the key of heat maps."""
    boxes = [f'<rect x="{place * 22}" width="22" height="10" fill="{SHADES[f"h{place}"]}"/>' for place in range(LEVELS)]
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {22 * LEVELS} 10">{"".join(boxes)}</svg>'


def _scale(height: float, marks: Sequence[str]) -> str:
    """Draw the lines across, from the lowest up, with what they stand for."""
    parts = []
    for place, mark in enumerate(marks):
        y = height * (1 - place / (len(marks) - 1))
        parts.append(f'<path d="M{LEFT} {y:.2f}H{WIDTH}" stroke="{LINE}" stroke-width=".8"/>{_text(LEFT - 6, y + 3, mark, "end")}')
    return "".join(parts)


def _below(labels: Sequence[str], height: float, *, left: float = LEFT, between: bool = False) -> str:
    """Write labels below: in the middle of their share of the width or, `between`, from edge to edge."""
    if not labels:
        return ""
    inner = WIDTH - left
    step = inner / max(len(labels) - 1, 1) if between else inner / len(labels)
    first = 0.0 if between else step / 2
    return "".join(_text(left + first + place * step, height + 14, label, "middle") for place, label in enumerate(labels))


def _runs(values: Sequence[float | None]) -> list[tuple[int, int]]:
    """Return the first and last place of each stretch without a gap."""
    found: list[tuple[int, int]] = []
    for place, value in enumerate(values):
        if value is None:
            continue
        if found and found[-1][1] == place - 1:
            found[-1] = (found[-1][0], place)
        else:
            found.append((place, place))
    return found


def _round_up(value: float) -> float:
    """Return the next number of 1, 2, 4 or 8 times a power of ten, to end a scale with."""
    if value <= 0:
        return 1.0
    power = 10.0 ** (len(f"{value:.0f}") - 1) if value >= 1 else 10.0 ** -(len(f"{1 / value:.0f}"))
    return next((power * step for step in (1, 2, 4, 8, 10) if power * step >= value), power * 10)


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.2f}" y="{y:.2f}" font-family="{FONT}" font-size="9" fill="{GREY}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(parts: Sequence[str], height: float) -> str:
    box = f"0 -6 {WIDTH + 6:.0f} {height + 24:.0f}"
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" width="{WIDTH + 6:.0f}" height="{height + 24:.0f}">{"".join(parts)}</svg>'
