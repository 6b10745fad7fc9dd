{{ config(materialized='table', meta={'lake_table': 'account_state'}) }}

-- The newest published day alone: what the model holds of an account today, and not how it came there.
select
    network,
    account_id,
    trust,
    day
from {{ lake_rows('account_state', newest_day=true) }}
