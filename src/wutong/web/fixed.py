"""Writes a template's fixed sentences into it in the reader's language when it is compiled, so that a page looks none of them up."""

from collections.abc import Iterator
from itertools import islice

from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

from wutong.web.words import Words

_CALL = ("name", "lparen", "string", "rparen")


class Fixed(Extension):
    """Puts the translation in place of `_("...")` wherever it has no parameters. `words` is set on the class made for a language."""

    words: Words

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        """Go through the tokens of a template."""
        tokens = list(stream)
        place = 0
        while place < len(tokens):
            token = tokens[place]
            call = islice(tokens, place, place + len(_CALL))
            if token.value == "_" and tuple(each.type for each in call) == _CALL:
                yield Token(token.lineno, "string", self.words.say(tokens[place + 2].value))
                place += len(_CALL)
            else:
                yield token
                place += 1


def fixed(words: Words) -> type[Fixed]:
    """Return the extension for a language."""
    return type(f"Fixed_{words.language}", (Fixed,), {"words": words})
