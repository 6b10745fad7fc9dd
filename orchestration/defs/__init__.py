"""Dagster's view of the pipeline: one folder a stage. Thin; what a stage does is done elsewhere.

Modules that define steps do not postpone their annotations: Dagster reads the type of `context` at once.
"""

import warnings

import dagster as dg

# Single-run backfills, pools and checks by day are what this pipeline rests on. That Dagster calls them
# young is met by the pin in pyproject.toml and by tests, and need not be said at every start.
for category in (dg.BetaWarning, dg.PreviewWarning):
    warnings.filterwarnings("ignore", category=category)
