"""How long a call is tried: what may pass is waited for, and within bounds."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type

from orchestration.activation.destination import UnansweredError

T = TypeVar("T")

TRIES = 6
"""Of a call that fails without a word about when to come again."""

_TOLD_TRIES = 20
_FIRST, _LONGEST = 1.0, 60.0


class TransientError(Exception):
    """A call that failed and may go well later; `retry_after` in seconds, where the CRM said when."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True)
class Patience:
    """Tries of one call. `seconds` is what it may wait in all; `wait` does the waiting."""

    seconds: float
    wait: Callable[[float], None] = time.sleep

    def call(self, action: Callable[[], T]) -> T:
        """The action's result. Raises UnansweredError once patience is at its end; other errors at once.

        A call that may have arrived is repeated as it is: what is sent here are values, not changes of
        values, so that the second time changes nothing.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(TransientError),
            wait=_pause,
            stop=self._at_an_end,
            sleep=self.wait,
            reraise=True,
        )
        try:
            return retrying(action)
        except TransientError as error:
            raise UnansweredError(str(error)) from error

    def _at_an_end(self, state: RetryCallState) -> bool:
        tries = TRIES if _told(state) is None else _TOLD_TRIES
        return state.attempt_number >= tries or state.idle_for + state.upcoming_sleep > self.seconds


def _told(state: RetryCallState) -> float | None:
    error = state.outcome.exception() if state.outcome else None
    return error.retry_after if isinstance(error, TransientError) else None


def _pause(state: RetryCallState) -> float:
    told = _told(state)
    if told is not None:
        return told
    # Spread out, so that several syncs which met the same outage do not come back at the same moment.
    longest = min(_LONGEST, _FIRST * 2.0 ** (state.attempt_number - 1))
    return random.uniform(longest / 2, longest)  # noqa: S311
