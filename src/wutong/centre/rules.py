"""The plain types of this room, gathered from its nouns, for the rooms above."""

from wutong.centre.catalogue.rules import (
    Accelerator,
    Capacity,
    Device,
    Faults,
    Flavour,
    Impossible,
    Node,
    NodeEvent,
    NodeState,
    NoSuchAccelerator,
    NoSuchFlavour,
    NoSuchNode,
    NoSuchPool,
    Pool,
    PoolCapacity,
    PoolState,
    Service,
)
from wutong.centre.comparison.rules import Comparison, Difference
from wutong.centre.engines.protocol import EndReason, Launch, LogChunk, Mount, RunSpec, rank_count
from wutong.centre.forecast.planner import Change, Outcome
from wutong.centre.forecast.replaying import MOST_LOG_BYTES, PlanTask, PlanTooLarge, Replayed
from wutong.centre.forecast.rules import Order
from wutong.centre.forecast.told import Forecast, ForecastAccuracy, Wait
from wutong.centre.foreign.rules import ForeignStart
from wutong.centre.maintenance.rules import Window
from wutong.centre.runs.decisions import Policy
from wutong.centre.runs.rules import NoSuchRun, NotIsolated, Run, RunEvent, RunNameTaken, RunNotEnded, RunPhase, StopWhy
from wutong.centre.usage.rules import MeterCheck, Usage
from wutong.centre.utilisation.rules import By, Group, Load, Slot, Waiting

__all__ = [
    "MOST_LOG_BYTES",
    "Accelerator",
    "By",
    "Capacity",
    "Change",
    "Comparison",
    "Device",
    "Difference",
    "EndReason",
    "Faults",
    "Flavour",
    "Forecast",
    "ForecastAccuracy",
    "ForeignStart",
    "Group",
    "Impossible",
    "Launch",
    "Load",
    "LogChunk",
    "MeterCheck",
    "Mount",
    "NoSuchAccelerator",
    "NoSuchFlavour",
    "NoSuchNode",
    "NoSuchPool",
    "NoSuchRun",
    "Node",
    "NodeEvent",
    "NodeState",
    "NotIsolated",
    "Order",
    "Outcome",
    "PlanTask",
    "PlanTooLarge",
    "Policy",
    "Pool",
    "PoolCapacity",
    "PoolState",
    "Replayed",
    "Run",
    "RunEvent",
    "RunNameTaken",
    "RunNotEnded",
    "RunPhase",
    "RunSpec",
    "Service",
    "Slot",
    "StopWhy",
    "Usage",
    "Wait",
    "Waiting",
    "Window",
    "rank_count",
]
