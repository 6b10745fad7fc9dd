{{
    config(
        materialized='incremental',
        meta={'built_from': ['stg_daily_score', 'stg_ledger_digest'], 'day_offsets': [0, 1, 30]},
    )
}}

{#
    Population Stability Index: the sum over ten equal bins of the score (1 to 100) of (p - q) * ln(p / q). So that an
    empty bin does not make it infinite, each bin has half a person more than were counted: (n + 0.5) / (people + 5).
    Up to 0.10 is calm, above 0.25 is another population; these are the usual bounds.
#}
with days as (
    select day
    from {{ ref('int_ledger_revision') }}
    where
        is_latest
        {% if is_incremental() %}
            and day in ({{ days_to_build() }})
        {% endif %}
),

scores as (
    select
        person_id,
        day,
        score
    from {{ ref('int_score') }}
    where
        score is not null
        {% if is_incremental() %}
            and day in (
                {{ days_to_build() }}, {{ days_to_build(shift=-1) }}, {{ days_to_build(shift=-30) }}
            )
        {% endif %}
),

people as (
    select
        day,
        count(*) as people
    from scores
    group by day
),

counts as (
    select
        day,
        least(cast(floor((score - 1) / 9.9) as integer), 9) as bin,
        count(*) as people
    from scores
    group by all
),

bins as (
    select unnest(range(10)) as bin
),

shares as (
    select
        people.day,
        bins.bin,
        (coalesce(counts.people, 0) + 0.5) / (people.people + 5) as share
    from people
    cross join bins
    left join counts
        on people.day = counts.day and bins.bin = counts.bin
),

psi as (
    select
        new.day,
        sum((new.share - old.share) * ln(new.share / old.share)) filter (where old.day = new.day - 1) as psi_1d,
        sum((new.share - old.share) * ln(new.share / old.share)) filter (where old.day = new.day - 30) as psi_30d
    from shares as new
    inner join shares as old
        on new.bin = old.bin and old.day in (new.day - 1, new.day - 30)
    group by new.day
),

moves as (
    select
        today.day,
        count(*) as people_compared,
        quantile_cont(abs(today.score - yesterday.score), 0.5) as abs_change_p50,
        quantile_cont(abs(today.score - yesterday.score), 0.99) as abs_change_p99,
        max(abs(today.score - yesterday.score)) as largest_move
    from scores as today
    inner join scores as yesterday
        on today.person_id = yesterday.person_id and today.day = yesterday.day + 1
    group by today.day
)

select
    days.day,
    coalesce(people.people, 0) as people,
    coalesce(moves.people_compared, 0) as people_compared,
    round(psi.psi_1d, 6) as psi_1d,
    round(psi.psi_30d, 6) as psi_30d,
    round(moves.abs_change_p50, 4) as abs_change_p50,
    round(moves.abs_change_p99, 4) as abs_change_p99,
    round(moves.largest_move, 4) as largest_move,
    case
        when greatest(coalesce(psi.psi_1d, 0), coalesce(psi.psi_30d, 0)) > 0.25 then 'block'
        when greatest(coalesce(psi.psi_1d, 0), coalesce(psi.psi_30d, 0)) > 0.1 then 'warn'
        when moves.abs_change_p99 > 1.5 then 'warn'
        else 'ok'
    end as verdict
from days
left join people on days.day = people.day
left join psi on days.day = psi.day
left join moves on days.day = moves.day
