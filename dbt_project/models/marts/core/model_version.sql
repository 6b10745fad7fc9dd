{{ config(materialized='view') }}

select
    model_version,
    min(day) as first_day,
    max(day) as last_day,
    count(distinct day) as days,
    count(*) as revisions
from {{ ref('int_ledger_revision') }}
group by model_version
