"""Where Dagster begins: everything in defs/, nothing else."""

from orchestration.defs.loading import load

defs = load()
