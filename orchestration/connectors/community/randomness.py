"""Randomness without state: hashes for what stays, Philox streams for what happens on one day.

A trait is a hash of (seed, stream, index), so that it is the same whatever else is computed. What happens on
a day comes from a generator keyed by (seed, day, stream), so that any day can be drawn alone.
"""

from enum import IntEnum

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
_MASK = 2**64 - 1


class Stream(IntEnum):
    """Names of the independent sources of randomness; a new one goes at the end, numbers never change."""

    ARCHETYPE = 1
    INFLUENCE = 2
    MEMBERSHIP = 3
    INTEREST = 4
    REGION = 5
    POSTING = 6
    REACTING = 7
    NETWORK_INFLUENCE = 8
    AUDIENCE = 9
    FRIENDS = 10
    FOLLOWERS = 11
    NAMES = 12
    CREATED = 13
    VERIFIED = 14
    ACCOUNT_FIELDS = 15
    ACCOUNT_UPDATES = 16
    LINKS = 17
    LATE = 18
    DUPLICATES = 19
    FOLLOW_TARGETS = 20
    FOLLOW_PACE = 21
    UNFOLLOWS = 22
    DELETIONS = 23
    PRIVACY = 24
    CRM = 25
    CASCADE = 26
    MENTIONS = 27
    FOLLOW_TIMES = 28
    ENDORSEMENTS = 29
    CRM_EVENTS = 30
    SILENCE = 31


def _mix(x: int) -> int:
    """SplitMix64's finaliser on one Python integer."""
    x = (x + 0x9E3779B97F4A7C15) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


def mixed(x: Hashes) -> Hashes:
    """SplitMix64's finaliser on an array: every output bit depends on every input bit."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return x


def hashes(seed: int, stream: int, *keys: Ints, salt: int = 0) -> Hashes:
    """One 64-bit hash for each row of the key columns; `salt` tells several hashes of a stream apart."""
    h = np.full(keys[0].shape, _mix(_mix(_mix(seed) ^ stream) ^ salt), dtype=np.uint64)
    for key in keys:
        h = mixed(h ^ key.astype(np.uint64))
    return h


def unit(h: Hashes) -> Floats:
    """Hashes as numbers in [0, 1)."""
    return (h >> np.uint64(11)).astype(np.float64) * 2.0**-53


def uniform(seed: int, stream: int, *keys: Ints, salt: int = 0) -> Floats:
    """A number in [0, 1) for each row of the key columns."""
    return unit(hashes(seed, stream, *keys, salt=salt))


def normal(seed: int, stream: int, *keys: Ints, salt: int = 0) -> Floats:
    """A standard normal number for each row of the key columns (Box-Muller)."""
    h = hashes(seed, stream, *keys, salt=salt)
    radius = np.sqrt(-2.0 * np.log1p(-unit(h)))
    return radius * np.cos(2.0 * np.pi * unit(mixed(h)))


def generator(seed: int, day_number: int, stream: int) -> np.random.Generator:
    """The generator of one stream on one day (day numbers from 0)."""
    key = np.array([seed, day_number * 1024 + stream], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


def cheap_permutation(index: Ints, seed: int, salt: int, size: int) -> Ints:
    """Index (0 .. size - 1) put in another order by an affine map; `size` < 2**31, no two share an image."""
    step = _mix(seed ^ salt) % size
    while np.gcd(step, size) != 1:
        step = (step + 1) % size
    shift = _mix(seed ^ ~salt & _MASK) % size
    moved: Ints = (index * step + shift) % size
    return moved
