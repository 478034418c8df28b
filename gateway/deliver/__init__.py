"""Deliver: changes become batches, and what the platform says to an item becomes where that item goes.

Takes changes with the people's roster data, and results. Gives batches within both limits of the contract, and per
item what its answer means. Refuses nothing. Signing, sealing and sending are the platform's envelope (`peers`).
"""

from gateway.deliver.batches import Batch, batches, items
from gateway.deliver.results import MISFIT, UNANSWERED, UNKNOWN, Verdict, verdict

__all__ = ["MISFIT", "UNANSWERED", "UNKNOWN", "Batch", "Verdict", "batches", "items", "verdict"]
