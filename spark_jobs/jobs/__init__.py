"""Entry points of the Spark jobs: read, call, write, report."""
