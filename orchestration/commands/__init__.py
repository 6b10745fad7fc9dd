"""What the `stature` command does, a module a topic. Nothing here knows Dagster, Spark or dbt."""
