-- Publications of each day. A revision replaces its whole day, so the newest one is the day's alone.
select
    day,
    revision,
    model_version,
    published_at,
    revision = max(revision) over (partition by day) as is_latest
from {{ ref('stg_ledger_digest') }}
