-- What each contact went through with the service desk, counted to the newest published day.
with events as (
    select
        crm,
        contact_id,
        event_id,
        kind,
        occurred_at,
        resolved,
        satisfied,
        deleted,
        resolved is not null or satisfied is not null as is_known,
        coalesce(not resolved, false) or coalesce(not satisfied, false) as has_failed
    from {{ ref('stg_service_events') }}
    qualify row_number() over (partition by crm, event_id order by day desc, updated_at desc nulls last) = 1
),

placed as (
    select
        *,
        row_number() over (
            partition by crm, contact_id, is_known
            order by occurred_at desc, event_id desc
        ) as place
    from events
    where deleted is not true
)

select
    placed.crm,
    placed.contact_id,
    count(*) filter (where cast(placed.occurred_at as date) > latest.day - 90) as service_events_90d,
    count(*) filter (where placed.kind in ('case', 'complaint') and placed.resolved is not true) as open_cases,
    count(*) filter (where placed.is_known and placed.place <= 2 and placed.has_failed) = 2 as double_failure
from placed
cross join {{ ref('int_latest_day') }} as latest
group by placed.crm, placed.contact_id
