{{ config(meta={'lake_table': 'campaign_audience', 'every_day': true}) }}

select
    campaign_id,
    crm,
    contact_id,
    person_id,
    group_name,
    drawn_at,
    outcome_kinds,
    measured_days,
    day
from {{ lake_rows('campaign_audience', is_incremental()) }}
