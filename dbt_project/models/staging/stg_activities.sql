{{ config(meta={'lake_table': 'activities'}) }}

select
    network,
    activity_id,
    kind,
    actor_account_id,
    target_account_id,
    content_id,
    occurred_at,
    day
from {{ lake_rows('activities', is_incremental()) }}
