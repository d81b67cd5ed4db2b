"""Slurm's multifactor priority in a replay: fair share of decayed use, age and QOS. It decides only who goes first: no limits, no preemption."""

from math import log

from wutong.centre.forecast.rules import Past, Policy


class Priorities:
    """The use of each tenant or user so far, half of it forgotten each half-life."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._used: dict[str, float] = {}
        self._cards: dict[str, int] = {}
        self._at_s = 0.0
        self._factor: dict[str, float] = {}

    def account(self, job: Past) -> str:
        """Return who a job's use counts for."""
        return job.ask.user if self._policy.by_user else job.tenant or job.ask.user

    def began(self, now_s: float, job: Past) -> None:
        """Count its cards from now."""
        self._turn(now_s)
        who = self.account(job)
        self._cards[who] = self._cards.get(who, 0) + job.ask.cards

    def ended(self, now_s: float, job: Past) -> None:
        """Count its cards up to now."""
        self._turn(now_s)
        self._cards[self.account(job)] -= job.ask.cards

    def recalculate(self, now_s: float) -> None:
        """Work out everybody's fair-share factor: 2 to the minus (part of all use over part of all shares)."""
        self._turn(now_s)
        total = sum(self._used.values())
        shares = {who: self._policy.shares.get(who, 1.0) for who in self._used}
        whole = sum(shares.values())
        self._factor = {
            who: 2.0 ** -((used / total) / (shares[who] / whole)) if total > 0 and shares[who] > 0 else 1.0 if total <= 0 else 0.0
            for who, used in self._used.items()
        }

    def key(self, now_s: float, job: Past) -> tuple[float, float, str]:
        """Sort key: highest priority first, then age, then name."""
        policy, ask = self._policy, job.ask
        age = min((now_s - ask.submit_s) / policy.age_most_s, 1.0)
        priority = (
            policy.fair_share_weight * self._factor.get(self.account(job), 1.0)
            + policy.age_weight * age
            + policy.qos_weight * policy.qos.get(job.qos, 0.0)
            + ask.priority
        )
        return (-priority, ask.submit_s, ask.name)

    def _turn(self, now_s: float) -> None:
        passed = now_s - self._at_s
        if passed <= 0:
            return
        left = 0.5 ** (passed / self._policy.half_life_s)
        grown = self._policy.half_life_s / log(2) * (1 - left)
        for who in self._used.keys() | self._cards.keys():
            self._used[who] = self._used.get(who, 0.0) * left + self._cards.get(who, 0) * grown
        self._at_s = now_s
