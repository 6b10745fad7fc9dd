{{ config(meta={'lake_table': 'crm_sync', 'every_day': true}) }}

select
    crm,
    run_id,
    as_of,
    started_at,
    ended_at,
    status,
    reason,
    planned,
    confirmed,
    emptied,
    refused,
    given_up,
    failed,
    unsent,
    unchanged,
    known,
    resting,
    calls,
    batch_size,
    day
from {{ lake_rows('crm_sync', is_incremental()) }}
