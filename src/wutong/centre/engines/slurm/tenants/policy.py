"""The service classes a centre offers, as data: who gives way to whom, at what weight, within what bounds. Pure.

Nothing here fences anybody in: classes order and price work, and only interactive work is bounded in time and number.
"""

from dataclasses import dataclass

from wutong.centre.engines.slurm.tenants.rules import ServiceClass


@dataclass(frozen=True, slots=True)
class ClassPolicy:
    """What a class means. `usage_factor` is what an hour counts in the fair share; `yields` whether its jobs may be requeued for others.

    `grace_s` is how long a job that yields may save its work. The bounds are for each tenant's UNIX user; a job beyond them is refused at once.
    """

    priority: int
    usage_factor: float = 1.0
    preempts: tuple[ServiceClass, ...] = ()
    yields: bool = False
    grace_s: int = 0
    longest_minutes: int | None = None
    running: int | None = None
    submitted: int | None = None
    most_per_tenant: tuple[tuple[str, int], ...] = ()


Policy = dict[ServiceClass, ClassPolicy]


def usual_policy(*, grace_s: int = 60) -> Policy:
    """Return the classes as a centre has them unless it wants others."""
    give_way = (ServiceClass.IDLE, ServiceClass.PREEMPTIBLE)
    return {
        ServiceClass.IDLE: ClassPolicy(priority=0, usage_factor=0.25, yields=True, grace_s=grace_s),
        ServiceClass.PREEMPTIBLE: ClassPolicy(priority=100, usage_factor=0.7, yields=True, grace_s=grace_s),
        ServiceClass.NORMAL: ClassPolicy(priority=100, preempts=(ServiceClass.IDLE,)),
        ServiceClass.INTERACTIVE: ClassPolicy(
            priority=300, preempts=(ServiceClass.IDLE,), longest_minutes=480, running=2, submitted=4, most_per_tenant=(("gres/gpu", 8),)
        ),
        ServiceClass.URGENT: ClassPolicy(priority=1000, usage_factor=2.0, preempts=give_way),
    }
