{{ config(materialized='view') }}

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
    batch_size
from {{ ref('stg_crm_sync') }}
