"""The graph engine: PageRank and the spread of trust, on arrays."""
