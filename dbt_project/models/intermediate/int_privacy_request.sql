-- What each account's and each contact's requests come to. A request may name both. The newest opt-in takes back all
-- that was asked before it; of what was asked since, the strongest counts. Asked for two things at one moment, the one
-- that protects more does.
with requests as (
    select
        network,
        account_id,
        null as crm,
        null as contact_id,
        request,
        requested_at
    from {{ ref('stg_privacy_requests') }}
    -- Of an erased account only a mark is left, which is nobody's id.
    where network is not null and account_id is not null and not starts_with(account_id, 'erased:')
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
    union all
    -- Erased with somebody's account: it holds until the contact's own opt-in ends it there.
    select
        null as network,
        null as account_id,
        crm,
        contact_id,
        request,
        cast('infinity' as timestamp) as requested_at
    from {{ ref('stg_privacy_extension') }}
    where network is null and request = 'erase'
),

weighed as (
    select
        *,
        max(requested_at) filter (where request = 'opt_in') over (
            partition by network, account_id, crm, contact_id
        ) as taken_back_at
    from requests
)

select
    network,
    account_id,
    crm,
    contact_id,
    request
from weighed
where request = 'opt_in' or taken_back_at is null or requested_at >= taken_back_at
qualify
    row_number() over (
        partition by network, account_id, crm, contact_id
        order by list_position(['erase', 'opt_out', 'object', 'opt_in'], request) asc
    ) = 1
