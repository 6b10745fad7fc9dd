-- What each account and each contact asked for last. A request may name both. Nothing ends an erasure. Asked for two
-- things at one moment, the one that protects more counts.
with requests as (
    select
        network,
        account_id,
        null as crm,
        null as contact_id,
        request,
        requested_at
    from {{ ref('stg_privacy_requests') }}
    where network is not null and account_id is not null
    union all
    select
        null as network,
        null as account_id,
        crm,
        contact_id,
        request,
        requested_at
    from {{ ref('stg_privacy_requests') }}
    where crm is not null and contact_id is not null
)

select
    network,
    account_id,
    crm,
    contact_id,
    request
from requests
qualify
    row_number() over (
        partition by network, account_id, crm, contact_id
        order by
            request = 'erase' desc, requested_at desc, list_position(['opt_out', 'object', 'opt_in'], request) asc
    ) = 1
