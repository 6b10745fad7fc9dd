{{ config(meta={'lake_table': 'identity_links'}) }}

select
    network,
    account_id,
    person_key,
    share,
    confidence,
    observed_at,
    day
from {{ lake_rows('identity_links', is_incremental()) }}
