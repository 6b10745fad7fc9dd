"""Published scores into the warehouse, and the warehouse's published copy."""

from orchestration.without import without

# dagster-dbt works beside a dbt that is installed elsewhere, and ours is in a process of its own: loading
# dbt into Dagster's process as well costs more than a second.
with without("dbt"):
    import dagster_dbt as dagster_dbt
