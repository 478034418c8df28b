"""Settle: from what departments said to what the platform should hold.

Takes statements of applied deliveries in the order of their business dates, policy, and what the platform last
confirmed. Gives recognitions with history, departures, timelines per person and use, and changes. Holds departures
past the limits, and says where a list looks like none before it. Pure: the same statements give the same result,
however often and in whatever order they came.
"""

from gateway.settle.changes import changes, lists
from gateway.settle.endings import held, lost, may_end, told
from gateway.settle.fold import Fold, fold
from gateway.settle.guard import Limits, judge
from gateway.settle.looks import LookLimits, looks, oddities
from gateway.settle.statements import may_mean, statements, unresolved
from gateway.settle.subsidy import subsidy_intervals
from gateway.settle.timeline import benefit_intervals, timelines
from gateway.settle.turns import Said, State, Turn, in_order, nothing

__all__ = [
    "Fold",
    "Limits",
    "LookLimits",
    "Said",
    "State",
    "Turn",
    "benefit_intervals",
    "changes",
    "fold",
    "held",
    "in_order",
    "judge",
    "lists",
    "looks",
    "lost",
    "may_end",
    "may_mean",
    "nothing",
    "oddities",
    "statements",
    "subsidy_intervals",
    "timelines",
    "told",
    "unresolved",
]
