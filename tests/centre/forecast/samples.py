"""Jobs made short, and random ones."""

from hypothesis import strategies as st

from wutong.centre.forecast.rules import Ask, Past


def past(
    name: str, cards: int, run_s: float, *, limit_s: float | None = None, at: float = 0.0, user: str = "", tenant: str = "", qos: str = ""
) -> Past:
    return Past(Ask(name, cards, run_s if limit_s is None else limit_s, at, user), run_s, tenant, qos)


@st.composite
def logs(draw: st.DrawFn, most_cards: int = 16, most_jobs: int = 25) -> list[Past]:
    """Jobs with honest limits."""
    found = []
    for number in range(draw(st.integers(1, most_jobs))):
        run = draw(st.integers(1, 50))
        limit = run * draw(st.integers(1, 4))
        at, tenant = draw(st.integers(0, 100)), draw(st.sampled_from(["a", "b", "c"]))
        found.append(
            past(f"j{number:02}", draw(st.integers(1, most_cards)), float(run), limit_s=float(limit), at=float(at), user=tenant, tenant=tenant)
        )
    return found
