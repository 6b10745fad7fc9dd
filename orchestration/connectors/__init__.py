"""Connectors: one module a network, each landing what it received in the raw lake."""
