"""The ledger: published scores, and the chain of digests that shows they were not changed."""

from orchestration.ledger.form import LedgerError
from orchestration.ledger.publish import HeldDay, PublishedDay, PublishReport, publish_days
from orchestration.ledger.verify import Problem, VerifyReport, verify

__all__ = [
    "HeldDay",
    "LedgerError",
    "Problem",
    "PublishReport",
    "PublishedDay",
    "VerifyReport",
    "publish_days",
    "verify",
]
