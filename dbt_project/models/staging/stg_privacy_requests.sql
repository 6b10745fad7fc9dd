{{ config(meta={'lake_table': 'privacy_requests', 'every_day': true}) }}

select
    network,
    account_id,
    crm,
    contact_id,
    request,
    requested_at,
    day
from {{ lake_rows('privacy_requests', is_incremental()) }}
