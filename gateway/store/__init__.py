"""The ledger: what happened and what is true. The only door to SQLAlchemy; its errors become `StoreFault` here.

Every function takes a transaction (`Tx`) that `Ledger.begin()` opened, so that an act and its record commit together.
No name and no number is in the clear: people are person keys, everything personal is sealed.
"""

from gateway.store.ledger import Ledger, Tx

__all__ = ["Ledger", "Tx"]
