"""From wishes to the state a cluster is to have: one tree of accounts under the centre's, one association an account, one QOS a class. Pure."""

from collections.abc import Iterable, Mapping

from wutong.centre.engines.slurm.tenants import names
from wutong.centre.engines.slurm.tenants.policy import ClassPolicy, Policy
from wutong.centre.engines.slurm.tenants.rules import ROOT, Limits, Noun, ProjectWish, ServiceClass, State, TenantWish, Thing


def desired_state(
    *, cluster: str, centre: str, policy: Policy, wishes: Iterable[TenantWish], users: Mapping[str, str], share: int | None = None
) -> State:
    """Return what is to stand on the cluster. `users` maps tenants to UNIX users; tenants without one are left out.

    Without `share` the centre's own weight among a site's other accounts is the site's to say.
    """
    things = [_qos(centre, name, each) for name, each in policy.items()]
    things.append(_centre(centre, policy, share))
    for wish in wishes:
        if wish.tenant in users:
            things += _tenant(centre, wish, users[wish.tenant])
    return State(cluster, {(thing.noun, thing.key): thing for thing in things})


def mark(centre: str) -> str:
    """Return what the description of a QOS of ours begins with; a QOS has nothing else to know it by."""
    return f"{centre} service class "


def _qos(centre: str, service_class: ServiceClass, policy: ClassPolicy) -> Thing:
    settings = {
        "description": f"{mark(centre)}{service_class}",
        "priority": str(policy.priority),
        "usagefactor": f"{policy.usage_factor:.6f}",
        "preempt": ",".join(sorted(names.class_qos(centre, each) for each in policy.preempts)),
        "preemptmode": "requeue" if policy.yields else "cluster",
        "gracetime": str(policy.grace_s),
        "maxwall": _text(policy.longest_minutes),
        "maxjobsperuser": _text(policy.running),
        "maxsubmitjobsperuser": _text(policy.submitted),
        **_parts("maxtresperuser", dict(policy.most_per_tenant)),
    }
    bounded = policy.longest_minutes or policy.submitted or policy.most_per_tenant
    # Without the flag a job beyond the bounds is taken in and waits for ever.
    return _thing(Noun.QOS, (names.class_qos(centre, service_class),), {**settings, "flags": "DenyOnLimit" if bounded else ""})


def _centre(centre: str, policy: Policy, share: int | None) -> Thing:
    settings = {
        "parent": ROOT,
        "organization": centre,
        "description": "the centre",
        "fairshare": _text(share),
        "qos": _class_list(centre, policy),
        "defaultqos": _default(centre, tuple(policy)),
    }
    return _thing(Noun.ACCOUNT, (centre,), settings)


def _tenant(centre: str, wish: TenantWish, user: str) -> list[Thing]:
    account = names.tenant_account(centre, wish.tenant)
    settings = {
        "parent": centre,
        "organization": centre,
        "description": names.label(wish.label) or account,
        "fairshare": str(wish.share),
        "qos": _class_list(centre, wish.classes),
        "defaultqos": _default(centre, wish.classes),
        **_ceilings(wish.limits),
        # No new jobs; what runs or waits already goes on.
        **({"grpsubmitjobs": "0"} if wish.closed else {}),
    }
    found = [_thing(Noun.ACCOUNT, (account,), settings), _association(user, account)]
    for project in wish.projects:
        found += _project(centre, wish.tenant, user, project)
    return found


def _project(centre: str, tenant: str, user: str, project: ProjectWish) -> list[Thing]:
    account = names.project_account(centre, tenant, project.project)
    settings = {
        "parent": names.tenant_account(centre, tenant),
        "organization": centre,
        "description": names.label(project.label) or account,
        "fairshare": str(project.share),
    }
    return [_thing(Noun.ACCOUNT, (account,), settings), _association(user, account)]


def _ceilings(limits: Limits) -> dict[str, str]:
    """Group limits hold for a tenant's account and its projects together; the `Max...` of Slurm would hold for each on its own."""
    return {
        "grpjobs": _text(limits.jobs),
        "grpsubmitjobs": _text(limits.submitted),
        **_parts("grptres", limits.trackable),
        **_parts("grptresmins", limits.trackable_minutes),
    }


def _association(user: str, account: str) -> Thing:
    return _thing(Noun.ASSOCIATION, (user, account), {"fairshare": "1"})


def _class_list(centre: str, classes: Iterable[ServiceClass]) -> str:
    return ",".join(sorted(names.class_qos(centre, each) for each in classes))


def _default(centre: str, classes: tuple[ServiceClass, ...]) -> str:
    """Normal work where it is allowed. A list of one's own needs a default of its own: the inherited one may not be in it."""
    if not classes:
        return ""
    return names.class_qos(centre, ServiceClass.NORMAL if ServiceClass.NORMAL in classes else classes[0])


def _parts(word: str, amounts: Mapping[str, int]) -> dict[str, str]:
    return {f"{word}:{what}": str(amount) for what, amount in amounts.items()}


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


def _thing(noun: Noun, key: tuple[str, ...], settings: Mapping[str, str]) -> Thing:
    return Thing(noun, key, {word: value for word, value in settings.items() if value != ""})
