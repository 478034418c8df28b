"""The order in which data walks through the rooms.

roster → for each instance: acquire, land, normalise → reconcile and settle for the whole site → deliver → feedback.
Each step commits what it did; after a crash the next run goes on from there, and repeating a step changes nothing.
"""

from gateway.pipeline.person import resync_person
from gateway.pipeline.run import InstanceReport, RunReport, run

__all__ = ["InstanceReport", "RunReport", "resync_person", "run"]
