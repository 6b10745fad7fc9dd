{{ config(materialized='table') }}

with links as (
    select
        links.person_id,
        links.network,
        links.account_id,
        links.valid_from,
        accounts.handle,
        accounts.display_name,
        accounts.region,
        accounts.language,
        accounts.is_automated,
        accounts.observed_at,
        -- The main account, which names the person: the most followed, and always the same one of equals.
        row_number() over (
            partition by links.person_id
            order by accounts.followers desc nulls last, links.network asc, links.account_id asc
        ) as place
    from {{ ref('int_person_account') }} as links
    left join {{ ref('int_account') }} as accounts
        on links.network = accounts.network and links.account_id = accounts.account_id
    anti join {{ ref('int_withheld_person') }} as withheld
        on links.person_id = withheld.person_id
    where links.is_open
)

select
    person_id,
    max(display_name) filter (where place = 1) as display_name,
    max(handle) filter (where place = 1) as handle,
    string_agg(distinct network, ',' order by network) as networks,
    count(*) as accounts,
    arg_min(region, place) as region,
    arg_min(language, place) as language,
    bool_or(is_automated) as is_automated,
    min(valid_from) as first_day,
    max(observed_at) as last_observed_at
from links
group by person_id
