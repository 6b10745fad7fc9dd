{{ config(meta={'lake_table': 'person_account'}) }}

select
    person_id,
    network,
    account_id,
    share,
    valid_from,
    valid_to,
    day
from {{ lake_rows('person_account', is_incremental()) }}
