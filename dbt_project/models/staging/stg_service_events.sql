{{ config(meta={'lake_table': 'service_events'}) }}

select
    crm,
    contact_id,
    event_id,
    kind,
    occurred_at,
    resolved,
    satisfied,
    deleted,
    updated_at,
    day
from {{ lake_rows('service_events', is_incremental()) }}
