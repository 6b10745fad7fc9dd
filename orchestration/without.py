"""Importing a library as if packages that it can do without were not installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """Imports in this block do not find `packages`, but for those that are loaded already.

    For a library that looks for optional companions when it is loaded, and would load them all: each costs
    a start what nobody asked for. After the block they can be imported as ever. Only for a moment in which
    no other thread imports them.
    """
    hidden = [name for name in packages if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # Python's own way of saying: not to be found
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)
