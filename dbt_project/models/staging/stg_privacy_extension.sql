{{ config(materialized='table', meta={'lake_table': 'privacy_extension', 'every_day': true}) }}

-- Written whole: the newest day is the truth.
select
    network,
    account_id,
    crm,
    contact_id,
    request,
    valid_from,
    valid_to,
    day
from {{ lake_rows('privacy_extension', newest_day=true) }}
