"""Spark jobs that turn conformed activity into scores, and the lake they read and write."""
