"""The unified social credit code of organisations (GB 32100-2015): 18 characters, the last one checks the others. Pure."""

from wutong.kit.errors import Invalid

# 31 characters: digits and capitals without I, O, S, V, Z, which are taken for 1, 0, 5, U, 2.
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_VALUE = {character: value for value, character in enumerate(ALPHABET)}
_WEIGHTS = [pow(3, place, 31) for place in range(17)]


def check_character(first_17: str) -> str:
    """Return the 18th character for the first 17."""
    total = sum(_VALUE[character] * weight for character, weight in zip(first_17, _WEIGHTS, strict=True))
    return ALPHABET[-total % 31]


def normal_credit_code(text: str, *, field: str = "credit_code") -> str:
    """Return the code in capitals without blanks, or raise `Invalid` saying what is wrong with it."""
    code = "".join(text.split()).upper()
    if len(code) != 18:
        raise Invalid(field=field, reason="A unified social credit code has 18 characters.")
    wrong = sorted({character for character in code if character not in _VALUE})
    if wrong:
        raise Invalid(field=field, reason="A unified social credit code has digits and capitals, without I, O, S, V and Z.")
    if not code[2:8].isdigit():
        raise Invalid(field=field, reason="Characters 3 to 8 of a unified social credit code are digits (the registry's region).")
    if check_character(code[:17]) != code[17]:
        raise Invalid(
            field=field,
            reason="The check character does not fit: one of the 18 characters is mistyped. Compare it with the certificate of registration.",
        )
    return code
