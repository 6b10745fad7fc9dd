"""Everything around the Spark jobs: settings, connectors, checks, publishing and the command."""
