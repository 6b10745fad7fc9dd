"""Conformed days into scores, and scores into the ledger."""
