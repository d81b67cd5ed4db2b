"""Money is integer fen (1 yuan = 100 fen). This module turns it into text and back, and divides it without losing any."""

from decimal import Decimal, InvalidOperation

from wutong.kit.errors import Invalid

MAX_FEN = 10**15


def format_fen(amount_fen: int) -> str:
    """Write an amount as `¥1,234.50`, a negative one as `-¥0.05`."""
    sign = "-" if amount_fen < 0 else ""
    yuan, fen = divmod(abs(amount_fen), 100)
    return f"{sign}¥{yuan:,}.{fen:02d}"


def parse_yuan(text: str, *, field: str = "amount") -> int:
    """Read yuan such as `12`, `12.5` or `1,234.50` as fen.

    Raises `Invalid` for anything finer than a fen, for a negative amount and for one over ten trillion yuan.
    """
    try:
        value = Decimal(text.replace(",", "").replace("¥", "").strip())
    except InvalidOperation:
        raise Invalid(field=field, reason="Write an amount of yuan such as 120 or 99.50.") from None
    fen = value * 100
    if not value.is_finite() or fen != fen.to_integral_value() or not 0 <= fen <= MAX_FEN:
        raise Invalid(field=field, reason="Write an amount of yuan from 0 up, with at most two decimals.")
    return int(fen)


def share(total: int, weights: list[int]) -> list[int]:
    """Divide an amount in proportion to weights so that the parts add up to it; the remainder goes to the largest fractions, first ones first."""
    whole = sum(weights)
    if whole <= 0:
        raise ValueError("weights must add up to more than nothing")
    parts = [total * weight // whole for weight in weights]
    by_rest = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
    for index in by_rest[: total - sum(parts)]:
        parts[index] += 1
    return parts
