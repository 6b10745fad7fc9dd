"""Checks between the stages, as Dagster sees them."""
