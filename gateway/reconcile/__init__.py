"""Reconcile: each entry meets the insured roster, and comes to exactly one outcome.

Takes entries, the roster in buckets, and how the rows were linked before. Gives resolutions: the person or none, the
outcome, its reason, and the rule that linked it. Refuses nothing. Pure.
"""

from gateway.reconcile.exact import SEEN
from gateway.reconcile.links import CLAIMS, KNOWN, link, link_parts, sure_sources
from gateway.reconcile.outcomes import resolve
from gateway.reconcile.suspects import may_name

__all__ = ["CLAIMS", "KNOWN", "SEEN", "link", "link_parts", "may_name", "resolve", "sure_sources"]
