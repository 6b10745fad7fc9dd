"""What connectors of CRMs share: which field holds what, typed reading, rows, vendors' clients."""
