-- What each account or contact asked for last. Asked for two things at one moment, the one that protects more counts.
select
    network,
    account_id,
    crm,
    contact_id,
    request
from {{ ref('stg_privacy_requests') }}
qualify
    row_number() over (
        partition by network, account_id, crm, contact_id
        order by requested_at desc, list_position(['erase', 'opt_out', 'object', 'opt_in'], request)
    ) = 1
