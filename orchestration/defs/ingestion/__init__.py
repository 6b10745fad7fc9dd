"""Sources into the raw lake, and the raw lake into tables that keep their contracts."""
