"""Epochs without a ring's file, for tests of seals."""

from dataclasses import dataclass

from gateway.vault.header import Epoch


@dataclass(frozen=True)
class Kept:
    """The epochs whose keys are there, oldest first."""

    epochs: tuple[Epoch, ...]

    def newest(self) -> Epoch:
        """The one that seals."""
        return self.epochs[-1]

    def find(self, key_id: str) -> Epoch | None:
        """The one of that id."""
        return next((epoch for epoch in self.epochs if epoch.key_id == key_id), None)


def one_epoch(key_id: str, key: bytes) -> Kept:
    """A site's keys before the first rotation."""
    return Kept((Epoch.soft(key_id, key),))
