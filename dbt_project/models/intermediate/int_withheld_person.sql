{{ config(materialized='table') }}

-- People who opted out or had themselves erased: no mart has a row of theirs, but for the emptied contact.
-- One refusing account is enough, and so is a contact of theirs.
with refused as (
    select
        network,
        account_id,
        crm,
        contact_id,
        request
    from {{ ref('int_privacy_request') }}
    where request in ('opt_out', 'erase')
),

-- The newest day that knows the account says whose it is: scoring may have left it out since.
links as (
    select
        links.person_id,
        refused.request
    from {{ ref('stg_person_account') }} as links
    inner join refused
        on links.network = refused.network and links.account_id = refused.account_id
    where links.valid_to is null or links.valid_to > links.day
    qualify links.day = max(links.day) over (partition by links.network, links.account_id)
),

people as (
    select
        person_id,
        request
    from links
    union all
    select
        'acct:' || network || ':' || account_id as person_id,
        request
    from refused
    where account_id is not null
    union all
    select
        matches.person_id,
        refused.request
    from {{ ref('int_contact_match') }} as matches
    inner join refused
        on matches.crm = refused.crm and matches.contact_id = refused.contact_id
)

select
    person_id,
    case when bool_or(request = 'erase') then 'erased' else 'opted_out' end as unscored_reason
from people
group by person_id
