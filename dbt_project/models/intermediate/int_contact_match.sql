{{ config(materialized='table') }}

{#
    Confidence: both ways 0.99, the handle alone 0.95, the e-mail address alone 0.9; times the share of the account that
    is the person's; divided by the people whom the same clue finds on one network, for then it is a guess.
#}
-- The person behind each contact: an account with the contact's handle or e-mail address, and whom it belongs to.
with clues as (
    select
        handles.crm,
        handles.contact_id,
        accounts.network,
        accounts.account_id,
        'handle' as method
    from {{ ref('stg_crm_contact_accounts') }} as handles
    inner join {{ ref('int_account') }} as accounts
        on
            handles.network = accounts.network
            and ltrim(lower(trim(handles.handle)), '@') = ltrim(lower(trim(accounts.handle)), '@')
    union
    select
        contacts.crm,
        contacts.contact_id,
        accounts.network,
        accounts.account_id,
        'email' as method
    from {{ ref('int_contact') }} as contacts
    inner join {{ ref('int_account') }} as accounts
        on lower(trim(contacts.email)) = lower(trim(accounts.email))
    where trim(contacts.email) != ''
),

-- An account that no run has seen act belongs to nobody yet and stands for itself.
people as (
    select
        clues.crm,
        clues.contact_id,
        clues.network,
        clues.account_id,
        clues.method,
        coalesce(links.person_id, 'acct:' || clues.network || ':' || clues.account_id) as person_id,
        coalesce(links.share, 1) as share
    from clues
    left join {{ ref('int_person_account') }} as links
        on clues.network = links.network and clues.account_id = links.account_id and links.is_open
),

ambiguity as (
    select
        crm,
        contact_id,
        network,
        method,
        count(distinct person_id) as found
    from people
    group by crm, contact_id, network, method
),

by_account as (
    select
        people.crm,
        people.contact_id,
        people.person_id,
        people.network,
        people.account_id,
        case when count(*) > 1 then 'handle and email' else any_value(people.method) end as match_method,
        case when count(*) > 1 then 0.99 when any_value(people.method) = 'handle' then 0.95 else 0.9 end
        * any_value(people.share) / min(ambiguity.found) as match_confidence
    from people
    inner join ambiguity
        on
            people.crm = ambiguity.crm
            and people.contact_id = ambiguity.contact_id
            and people.network = ambiguity.network
            and people.method = ambiguity.method
    group by people.crm, people.contact_id, people.person_id, people.network, people.account_id
)

select
    by_account.crm,
    by_account.contact_id,
    by_account.person_id,
    by_account.match_method,
    round(by_account.match_confidence, 4) as match_confidence
from by_account
left join {{ ref('int_account') }} as accounts
    on by_account.network = accounts.network and by_account.account_id = accounts.account_id
qualify
    row_number() over (
        partition by by_account.crm, by_account.contact_id
        order by by_account.match_confidence desc, accounts.followers desc nulls last, by_account.person_id asc
    ) = 1
