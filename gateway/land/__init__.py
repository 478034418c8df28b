"""Land: a fetched delivery is verified and kept, sealed, as it came.

Takes sealed parts and the manifest's promises. Gives a landing: digests hold, archives are unpacked within bounds,
the sealed originals lie in the archive under the digest of their sealed bytes. Refuses what does not fit.
"""

from gateway.land.landing import Landed, keep_original, land

__all__ = ["Landed", "keep_original", "land"]
