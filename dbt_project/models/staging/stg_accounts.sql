{{ config(meta={'lake_table': 'accounts'}) }}

select
    network,
    account_id,
    handle,
    display_name,
    email,
    region,
    language,
    followers,
    is_automated,
    observed_at,
    day
from {{ lake_rows('accounts', is_incremental()) }}
