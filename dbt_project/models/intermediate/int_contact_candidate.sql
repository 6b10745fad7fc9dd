{{ config(materialized='table') }}

{#
    How sure a clue is: a verified link as sure as it was stated, the handle 0.95, the e-mail address 0.9; each times the
    share of the account that is the person's, and a handle's divided by the people whom the contact's handles find on one
    network, for then it is a guess. Addresses are compared without case and outer blanks; what stands after a
    plus is left alone, for only some providers ignore it.
#}
-- Every account that a contact may be: by its handle, by a verified link, by an e-mail address that a network gives.
with accounts as (
    select
        network,
        account_id,
        ltrim(lower(trim(handle)), '@') as handle,
        nullif(lower(trim(email)), '') as email,
        followers,
        observed_at
    from {{ ref('int_account') }}
),

handles as (
    select
        crm,
        contact_id,
        network,
        handle as given,
        ltrim(lower(trim(handle)), '@') as handle,
        max(day) as delivered_on
    from {{ ref('stg_crm_contact_accounts') }}
    where trim(handle) != ''
    group by crm, contact_id, network, handle
),

-- A page that several contacts name is their company's or their family's, and tells nobody from the others.
pages as (
    select
        crm,
        contact_id,
        {{ web_page('given') }} as page
    from handles
    where network = 'web' and {{ web_page('given') }} != ''
    qualify count(distinct contact_id) over (partition by crm, {{ web_page('given') }}) = 1
),

links as (
    select
        network,
        account_id,
        person_key,
        share,
        confidence
    from {{ ref('stg_identity_links') }}
    qualify
        row_number() over (partition by network, account_id, person_key order by observed_at desc, day desc) = 1
),

-- A link names the contact itself, as <crm>:<contact_id>, or a page of the contact's that both sides point to.
linked as (
    select
        contacts.crm,
        contacts.contact_id,
        links.network,
        links.account_id,
        links.confidence
    from {{ ref('int_contact') }} as contacts
    inner join links
        on contacts.crm || ':' || contacts.contact_id = links.person_key
    where links.share > 0
    union all
    select
        pages.crm,
        pages.contact_id,
        links.network,
        links.account_id,
        links.confidence
    from pages
    inner join links
        on pages.page = {{ web_page('links.person_key') }}
    where links.share > 0
),

-- A handle is one account's at a time: whoever was seen with it last has it now.
named as (
    select
        handles.crm,
        handles.contact_id,
        accounts.network,
        accounts.account_id,
        handles.delivered_on
    from handles
    inner join accounts
        on handles.network = accounts.network and handles.handle = accounts.handle
    qualify
        rank() over (
            partition by handles.crm, handles.contact_id, handles.network, handles.handle
            order by accounts.observed_at desc
        ) = 1
),

clues as (
    select
        crm,
        contact_id,
        network,
        account_id,
        'link' as method,
        max(confidence) as sureness,
        cast(null as date) as delivered_on
    from linked
    group by crm, contact_id, network, account_id
    union all
    select
        crm,
        contact_id,
        network,
        account_id,
        'handle' as method,
        0.95 as sureness,
        max(delivered_on) as delivered_on
    from named
    group by crm, contact_id, network, account_id
    union all
    select
        contacts.crm,
        contacts.contact_id,
        accounts.network,
        accounts.account_id,
        'email' as method,
        0.9 as sureness,
        cast(null as date) as delivered_on
    from {{ ref('int_contact') }} as contacts
    inner join accounts
        on lower(trim(contacts.email)) = accounts.email
),

-- Whose an account is: of several people who share it, the one with the largest share.
owners as (
    select
        network,
        account_id,
        person_id,
        share
    from {{ ref('int_person_account') }}
    where is_open
    qualify row_number() over (partition by network, account_id order by share desc, person_id asc) = 1
),

-- An account that no run has seen act belongs to nobody yet and stands for itself.
people as (
    select
        clues.crm,
        clues.contact_id,
        clues.network,
        clues.account_id,
        clues.method,
        clues.delivered_on,
        coalesce(owners.person_id, 'acct:' || clues.network || ':' || clues.account_id) as person_id,
        clues.sureness * coalesce(owners.share, 1) as confidence,
        coalesce(owners.share, 1) as share
    from clues
    left join owners
        on clues.network = owners.network and clues.account_id = owners.account_id
),

ambiguity as (
    select
        crm,
        contact_id,
        network,
        method,
        count(distinct person_id) as found
    from people
    where method != 'link'
    group by crm, contact_id, network, method
)

select
    people.crm,
    people.contact_id,
    people.network,
    people.account_id,
    people.person_id,
    people.method,
    people.confidence / case when people.method = 'handle' then ambiguity.found else 1 end as confidence,
    people.share,
    people.delivered_on,
    accounts.followers,
    -- An address that finds several people on one network names none of them.
    case when ambiguity.found > 1 and people.method = 'email' then 'ambiguous_email' end as obstacle
from people
left join ambiguity
    on
        people.crm = ambiguity.crm
        and people.contact_id = ambiguity.contact_id
        and people.network = ambiguity.network
        and people.method = ambiguity.method
left join accounts
    on people.network = accounts.network and people.account_id = accounts.account_id
