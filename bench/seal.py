"""`make bench-seal`: sealing and opening beside the bare cipher, in the same run.

Takes SEAL_MIB (256) and RUNS (5) from the environment. Bare is SM4-GCM over chunks of the same size in memory, one
after the other, with nothing read, written or named. Prints MiB a second, medians of turns, and each as a share of
bare; exits 1 where a sealed file is slower than 0.8 of it.
"""

import os
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.processes import machine
from gateway.vault import Keyring, Sealer
from gateway.vault.seal import CHUNK_BYTES
from gateway.vault.sealedfile import CHEAPEST
from gateway.vault.sm import sm4_gcm_open, sm4_gcm_seal

_MIB = 1 << 20
#: The least that sealing and opening may reach of the bare cipher.
LEAST = 0.8
BARE_SEALS, BARE_OPENS = "bare SM4-GCM, seal", "bare SM4-GCM, open"
SEALS, OPENS = "sealed file, written and synced", "sealed file, opened and read"
BESIDE = {SEALS: BARE_SEALS, OPENS: BARE_OPENS}


def main() -> int:
    """Measures, prints. 1 where sealing or opening is too slow."""
    size, runs = int(os.environ.get("SEAL_MIB", "256")), int(os.environ.get("RUNS", "5"))
    plain = os.urandom(size * _MIB)
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as name:
        folder = Path(name)
        sealer = Keyring.create(folder / "keys", cost=CHEAPEST).sealer
        ways = _ways(sealer, folder / "sealed", plain)
        took: dict[str, list[float]] = {way: [] for way in ways}
        for _turn in range(runs):
            for way, do in ways.items():
                start = time.perf_counter()
                do()
                took[way].append(time.perf_counter() - start)
    rates = {way: statistics.median(size / seconds for seconds in each) for way, each in took.items()}
    print(f"{size} MiB; {machine('cryptography')}; medians of {runs}")
    for way, rate in rates.items():
        share = f"{rate / rates[BESIDE[way]]:8.2f} of bare" if way in BESIDE else ""
        print(f"  {way:<34}{rate:8.0f} MiB/s{share}")
    return 0 if all(rates[way] >= LEAST * rates[bare] for way, bare in BESIDE.items()) else 1


def _ways(sealer: Sealer, path: Path, plain: bytes) -> dict[str, Callable[[], object]]:
    key, nonce, view = secrets.token_bytes(16), bytes(12), memoryview(plain)
    chunks = [view[at : at + CHUNK_BYTES] for at in range(0, len(plain), CHUNK_BYTES)]
    sealed = [sm4_gcm_seal(key, nonce, chunk, b"") for chunk in chunks[:1]]

    def write() -> None:
        with sealer.create(path) as writer:
            for chunk in chunks:
                writer.write(chunk)

    def read() -> None:
        with sealer.open(path) as reader:
            while reader.read(CHUNK_BYTES):
                pass

    return {
        BARE_SEALS: lambda: [sm4_gcm_seal(key, nonce, chunk, b"") for chunk in chunks].clear(),
        SEALS: write,
        BARE_OPENS: lambda: [sm4_gcm_open(key, nonce, sealed[0], b"") for _chunk in chunks].clear(),
        OPENS: read,
    }


if __name__ == "__main__":
    sys.exit(main())
