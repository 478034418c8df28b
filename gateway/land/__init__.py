"""Land: a fetched delivery is kept, sealed, as it came, and then verified.

Takes sealed parts and the manifest's promises. Gives the originals in the archive, under the digest of their sealed
bytes, and a landing: digests hold, archives are unpacked within bounds. Refuses what does not fit.
"""

from gateway.land.landing import BROKEN_ARCHIVE, UNPACKED_LIMIT, Landed, keep_bytes, keep_original, land, member_name

__all__ = ["BROKEN_ARCHIVE", "UNPACKED_LIMIT", "Landed", "keep_bytes", "keep_original", "land", "member_name"]
