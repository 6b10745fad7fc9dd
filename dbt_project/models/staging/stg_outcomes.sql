{{ config(meta={'lake_table': 'outcomes'}) }}

select
    crm,
    contact_id,
    outcome_id,
    kind,
    amount,
    occurred_at,
    campaign_id,
    day
from {{ lake_rows('outcomes', is_incremental()) }}
