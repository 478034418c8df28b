"""Normalise: a landing's parts and its mapping become entries, one per data row; a row's fault has a code.

Takes the parts' bytes, the list's mapping and the business date. Gives one frame of entries (`model.frames.ENTRIES`)
and what is worth telling. Refuses a part that cannot be read; rejects rows, never silently. Pure: no clock, no disk.
"""

from gateway.normalise.entries import NormalisedPart, normalise, number_rows
from gateway.normalise.nameless import usual
from gateway.normalise.roster import normalise_roster

__all__ = ["NormalisedPart", "normalise", "normalise_roster", "number_rows", "usual"]
