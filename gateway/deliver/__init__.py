"""Deliver: changes become sealed, signed batches, and batches become receipts. Safe to repeat.

Takes changes with the people's roster data. Gives batches within both limits of the contract, and per item what its
answer means. May say: try again later. Sending itself is the platform plugin's channel.
"""

from gateway.deliver.batches import Batch, batches, items
from gateway.deliver.results import MISFIT, UNANSWERED, UNKNOWN, Verdict, verdict

__all__ = ["MISFIT", "UNANSWERED", "UNKNOWN", "Batch", "Verdict", "batches", "items", "verdict"]
