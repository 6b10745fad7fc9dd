{#
    A case or complaint that is not settled has failed once it is a week old; a call or a refund is over when it is over.
    Who says to be content was not failed. Failures count for a year.
#}
-- What each contact went through with the service desk, counted to the newest published day.
with events as (
    select
        events.crm,
        events.contact_id,
        events.event_id,
        events.kind,
        events.occurred_at,
        events.resolved,
        events.satisfied,
        events.deleted,
        latest.day as until,
        coalesce(not events.satisfied, false)
        or (
            events.satisfied is null
            and coalesce(not events.resolved, false)
            and (events.kind not in ('case', 'complaint') or cast(events.occurred_at as date) <= latest.day - 7)
        ) as has_failed
    from {{ ref('stg_service_events') }} as events
    cross join {{ ref('int_latest_day') }} as latest
    qualify
        row_number() over (
            partition by events.crm, events.event_id
            order by events.day desc, events.updated_at desc nulls last
        ) = 1
),

contacts as (
    select
        crm,
        contact_id
    from {{ ref('int_contact') }}
    union
    select
        crm,
        contact_id
    from events
),

-- One person is often a contact of several CRMs, and cross in one because of the other. Who has left is not joined up.
customers as (
    select
        contacts.crm,
        contacts.contact_id,
        case
            when matches.match_confidence >= 0.7 and withheld.person_id is null then matches.person_id
            else 'contact:' || contacts.crm || ':' || contacts.contact_id
        end as customer
    from contacts
    left join {{ ref('int_contact_match') }} as matches
        on contacts.crm = matches.crm and contacts.contact_id = matches.contact_id
    left join {{ ref('int_withheld_person') }} as withheld
        on matches.person_id = withheld.person_id
),

-- In a row means in one CRM's row: two CRMs that tell each other of a case tell us of one failure twice.
placed as (
    select
        customers.customer,
        events.*,
        row_number() over (
            partition by
                customers.customer, events.crm,
                events.has_failed or coalesce(events.resolved, false) or coalesce(events.satisfied, false)
            order by events.occurred_at desc, events.event_id desc
        ) as place
    from events
    inner join customers
        on events.crm = customers.crm and events.contact_id = customers.contact_id
    where events.deleted is not true
),

served as (
    select
        customer,
        crm,
        count(*) filter (where cast(occurred_at as date) > until - 90) as service_events_90d,
        count(*) filter (where kind in ('case', 'complaint') and resolved is not true) as open_cases,
        count(*) filter (where has_failed and place <= 2 and cast(occurred_at as date) > until - 365) = 2
            as double_failure
    from placed
    group by customer, crm
)

select
    customers.crm,
    customers.contact_id,
    cast(sum(served.service_events_90d) as bigint) as service_events_90d,
    cast(sum(served.open_cases) as bigint) as open_cases,
    bool_or(served.double_failure) as double_failure
from customers
inner join served
    on customers.customer = served.customer
group by customers.crm, customers.contact_id
