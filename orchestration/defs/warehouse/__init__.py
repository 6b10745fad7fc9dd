"""Published scores into the warehouse, and the warehouse's published copy."""
