{{ config(materialized='table') }}

{#
    Newcombe's interval of a difference of two rates (1998, his method 10) is made of the Wilson intervals of both. The
    usual one, a normal around the difference, is too narrow and too short at the edges just where campaigns live: some
    dozens of people, and rates near 0. In Newcombe's comparison it covered 88 % on average instead of 95, and it has no
    width at all where nobody or everybody converts.
#}
with people as (
    select
        audience.campaign_id,
        audience.group_name,
        audience.crm,
        audience.contact_id,
        drawn.drawn_at,
        drawn.outcome_kinds,
        cast(drawn.drawn_at as date) + drawn.measured_days as counted_until
    from {{ ref('campaign_audience') }} as audience
    inner join {{ ref('stg_campaign_audience') }} as drawn
        on
            audience.campaign_id = drawn.campaign_id
            and audience.crm = drawn.crm
            and audience.contact_id = drawn.contact_id
),

-- Whether an outcome names the campaign does not matter: the control's cannot.
counted as (
    select
        people.campaign_id,
        people.group_name,
        people.crm,
        people.contact_id,
        any_value(people.outcome_kinds) as outcome_kinds,
        any_value(people.counted_until) as counted_until,
        count(distinct outcomes.outcome_id) as outcomes
    from people
    left join {{ ref('stg_outcomes') }} as outcomes
        on
            people.crm = outcomes.crm
            and people.contact_id = outcomes.contact_id
            and list_contains(people.outcome_kinds, outcomes.kind)
            and people.drawn_at <= outcomes.occurred_at
            and people.counted_until >= cast(outcomes.occurred_at as date)
    group by people.campaign_id, people.group_name, people.crm, people.contact_id
),

groups as (
    select
        campaign_id,
        group_name,
        any_value(outcome_kinds) as outcome_kinds,
        any_value(counted_until) as counted_until,
        count(*) as people,
        count(*) filter (where outcomes > 0) as converted,
        cast(sum(outcomes) as bigint) as outcomes
    from counted
    group by campaign_id, group_name
),

rates as (
    select
        *,
        converted / people as rate,
        {{ wilson_bound('converted', 'people', '-') }} as rate_low,
        {{ wilson_bound('converted', 'people', '+') }} as rate_high
    from groups
),

lifts as (
    select
        invited.campaign_id,
        invited.rate - control.rate as lift,
        -- These are never null here, which greatest() and least() would pass over.
        greatest(
            -1,
            invited.rate - control.rate
            - sqrt((invited.rate - invited.rate_low) ** 2 + (control.rate_high - control.rate) ** 2)
        ) as lift_low,
        least(
            1,
            invited.rate - control.rate
            + sqrt((invited.rate_high - invited.rate) ** 2 + (control.rate - control.rate_low) ** 2)
        ) as lift_high
    from rates as invited
    inner join rates as control
        on invited.campaign_id = control.campaign_id
    where invited.group_name = 'invited' and control.group_name = 'control'
)

select
    rates.campaign_id,
    rates.group_name,
    array_to_string(rates.outcome_kinds, ', ') as judged_by,
    rates.counted_until,
    coalesce(rates.counted_until <= latest.day, false) as is_complete,
    rates.people,
    rates.converted,
    rates.outcomes,
    round(rates.rate, 4) as rate,
    round(rates.rate_low, 4) as rate_low,
    round(rates.rate_high, 4) as rate_high,
    round(lifts.lift, 4) as lift,
    round(lifts.lift_low, 4) as lift_low,
    round(lifts.lift_high, 4) as lift_high
from rates
cross join {{ ref('int_latest_day') }} as latest
left join lifts
    on rates.campaign_id = lifts.campaign_id
