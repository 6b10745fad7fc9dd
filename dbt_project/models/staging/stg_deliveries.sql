{{ config(meta={'lake_table': 'deliveries', 'every_day': true}) }}

select
    crm,
    run_id,
    contact_id,
    person_id,
    action,
    causes,
    left_alone,
    status,
    message,
    refusals,
    as_of,
    attempted_at,
    answered_at,
    day
from {{ lake_rows('deliveries', is_incremental()) }}
