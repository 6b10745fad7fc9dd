-- Accounts and the people they belong to on the newest published day. The scoring job writes all of them every day.
select
    links.person_id,
    links.network,
    links.account_id,
    links.share,
    links.valid_from,
    links.valid_to,
    links.valid_to is null or links.valid_to > links.day as is_open
from {{ ref('stg_person_account') }} as links
inner join {{ ref('int_latest_day') }} as latest
    on links.day = latest.day
