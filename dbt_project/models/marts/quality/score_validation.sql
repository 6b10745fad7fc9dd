{{ config(materialized='table') }}

{#
    A table, made anew each time: it is small (a row a month-end, predictor and decile), and whoever leaves is out of
    all of it at once. The lake's validation_baseline says which days are evaluated and what everybody received after
    them; tests compare the ranks and lifts below with orchestration/validation/measures.py.
#}
{% set predictors = [
    'score', 'momentum', 'log_followers', 'reactions_7d', 'reactions_30d', 'pagerank_follows', 'pagerank_reactions'
] %}
with people as (
    select
        baseline.day as as_of_day,
        baseline.person_id,
        scores.score,
        scores.momentum,
        ln(1 + baseline.followers) as log_followers,
        baseline.reactions_7d,
        baseline.reactions_30d,
        baseline.pagerank_follows,
        baseline.pagerank_reactions,
        baseline.next_reactions as reactions,
        baseline.next_distinct_reactors as distinct_reactors,
        baseline.next_reposts as reposts
    from {{ ref('stg_validation_baseline') }} as baseline
    inner join {{ ref('int_score') }} as scores
        on baseline.day = scores.day and baseline.person_id = scores.person_id
    anti join {{ ref('int_withheld_person') }} as withheld
        on baseline.person_id = withheld.person_id
    where scores.score is not null
),

histories as (
    select
        evaluated.as_of_day,
        count(*) as history_days
    from (select distinct as_of_day from people) as evaluated
    inner join {{ ref('int_ledger_revision') }} as revisions
        on evaluated.as_of_day >= revisions.day and revisions.is_latest
    group by evaluated.as_of_day
),

-- Kinds of outcomes that came in at all: where none did, a rate of 0 would be made up.
outcomes as (
    select
        evaluated.as_of_day,
        outcomes.kind,
        contacts.person_id
    from (select distinct as_of_day from people) as evaluated
    inner join {{ ref('stg_outcomes') }} as outcomes
        on outcomes.day > evaluated.as_of_day and outcomes.day <= evaluated.as_of_day + 30
    left join {{ ref('int_contact_match') }} as contacts
        on outcomes.crm = contacts.crm and outcomes.contact_id = contacts.contact_id
),

outcome_kinds as (
    select
        as_of_day,
        bool_or(kind = 'referral') as with_referrals,
        bool_or(kind = 'order') as with_orders
    from outcomes
    group by as_of_day
),

customers as (
    select
        people.as_of_day,
        people.person_id,
        coalesce(bool_or(outcomes.kind = 'referral'), false) as referred,
        coalesce(bool_or(outcomes.kind = 'order'), false) as ordered
    from people
    semi join {{ ref('int_contact_match') }} as contacts
        on people.person_id = contacts.person_id
    left join outcomes
        on people.as_of_day = outcomes.as_of_day and people.person_id = outcomes.person_id
    group by people.as_of_day, people.person_id
),

predictions as (
    {% for predictor in predictors %}
        select
            as_of_day,
            person_id,
            '{{ predictor }}' as predictor,
            {{ predictor }} as value,
            reactions,
            distinct_reactors,
            reposts
        from people
        where {{ predictor }} is not null
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

-- Equal values share their mean rank (Spearman); deciles tell them apart by a hash, so that no network comes first.
ranked as (
    select
        *,
        ntile(10) over (partition by as_of_day, predictor order by value, md5(person_id)) as decile,
        {{ mean_rank('value', 'as_of_day, predictor') }} as value_rank,
        {{ mean_rank('reactions', 'as_of_day, predictor') }} as reactions_rank
    from predictions
),

overall as (
    select
        as_of_day,
        predictor,
        -- Without any spread there is no correlation, which corr() writes as NaN.
        nullif(corr(value_rank, reactions_rank), 'nan') as spearman,
        nullif(avg(reactions), 0) as mean_reactions,
        avg(reactions) filter (where decile = 10) as top_reactions
    from ranked
    group by as_of_day, predictor
),

deciles as (
    select
        ranked.as_of_day,
        ranked.predictor,
        ranked.decile,
        count(*) as people,
        avg(ranked.value) as mean_value,
        avg(ranked.reactions) as mean_reactions,
        avg(ranked.distinct_reactors) as mean_distinct_reactors,
        avg(ranked.reposts) as mean_reposts,
        count(customers.person_id) as contacts,
        count(*) filter (where customers.referred) as referrals,
        count(*) filter (where customers.ordered) as orders
    from ranked
    left join customers
        on ranked.as_of_day = customers.as_of_day and ranked.person_id = customers.person_id
    group by ranked.as_of_day, ranked.predictor, ranked.decile
),

known as (
    select
        deciles.* exclude (referrals, orders),
        case when kinds.with_referrals then deciles.referrals end as referrals,
        case when kinds.with_orders then deciles.orders end as orders
    from deciles
    left join outcome_kinds as kinds
        on deciles.as_of_day = kinds.as_of_day
)

select
    known.as_of_day,
    30 as horizon_days,
    known.predictor,
    known.decile,
    case when known.as_of_day = last_day(known.as_of_day) then 'month_end' else 'latest' end as basis,
    histories.history_days,
    known.people,
    round(known.mean_value, 4) as mean_value,
    round(known.mean_reactions, 4) as mean_reactions,
    round(known.mean_distinct_reactors, 4) as mean_distinct_reactors,
    round(known.mean_reposts, 4) as mean_reposts,
    round(known.mean_reactions / overall.mean_reactions, 4) as lift,
    round(overall.spearman, 4) as spearman,
    round(overall.top_reactions / overall.mean_reactions, 4) as top_decile_lift,
    known.contacts,
    known.referrals,
    round(known.referrals / nullif(known.contacts, 0), 4) as referral_rate,
    round({{ wilson_bound('known.referrals', 'known.contacts', '-') }}, 4) as referral_rate_low,
    round({{ wilson_bound('known.referrals', 'known.contacts', '+') }}, 4) as referral_rate_high,
    known.orders,
    round(known.orders / nullif(known.contacts, 0), 4) as order_rate,
    round({{ wilson_bound('known.orders', 'known.contacts', '-') }}, 4) as order_rate_low,
    round({{ wilson_bound('known.orders', 'known.contacts', '+') }}, 4) as order_rate_high
from known
inner join overall
    on known.as_of_day = overall.as_of_day and known.predictor = overall.predictor
inner join histories
    on known.as_of_day = histories.as_of_day
