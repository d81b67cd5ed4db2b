"""Fixed sentences stand translated in a compiled template; all else is looked up as before."""

from jinja2 import Environment

from wutong.web.fixed import fixed
from wutong.web.words import words_of

ZH = words_of("zh")


def rendered(template: str, **values: object) -> str:
    """Render a template in Chinese, with no way to look a sentence up unless it is given."""
    return Environment(extensions=[fixed(ZH)], autoescape=True).from_string(template).render(**values)


def test_a_fixed_sentence_is_not_looked_up() -> None:
    assert rendered("""<a title="{{ _('Jobs') }}">{{ _("Jobs") ~ "!" }}</a>""") == f'<a title="{ZH.say("Jobs")}">{ZH.say("Jobs")}!</a>'


def test_signs_of_markup_in_it_are_escaped() -> None:
    assert rendered("""{{ _("a < b & c") }}""") == "a &lt; b &amp; c"


def test_a_sentence_with_parameters_or_out_of_a_value_is_looked_up_when_it_is_shown() -> None:
    asked = []

    def say(sentence: str, **params: object) -> str:
        asked.append((sentence, params))
        return "told"

    assert rendered("""{{ _("{n} waiting", n=2) }} {{ _(state) }} _("Jobs")""", _=say, state="failed") == """told told _("Jobs")"""
    assert asked == [("{n} waiting", {"n": 2}), ("failed", {})]
