{{
    config(
        materialized='incremental',
        meta={'built_from': ['stg_daily_score', 'stg_ledger_digest'], 'day_offsets': [0, 1, 30, 60]},
    )
}}

{#
    Population Stability Index: the sum over bins of (p - q) * ln(p / q). So that an empty bin does not make it infinite,
    each bin has half a person more than were counted: (n + 0.5) / (people + bins / 2). Up to 0.10 is calm, above 0.25
    is another population; these are the usual bounds.

    Against the day before, ten equal bins of the score (1 to 100). Against a month before, bins cut at the earlier
    day's deciles, a bin holding its upper end; where many have one score, deciles coincide and there are fewer bins.
    The verdict is about settled people, from ninety days after the first day on and of two hundred people on, exactly
    as the check that holds a day back (orchestration/quality/stability.py), but for one thing: after an accepted day
    the check compares with that day.
#}
{% set tenths = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] %}
with days as (
    select
        day,
        day - min(day) over () as age
    from {{ ref('int_ledger_revision') }}
    where is_latest
),

scores as (
    select
        person_id,
        day,
        score,
        model_version
    from {{ ref('int_score') }}
    where
        score is not null
        {% if is_incremental() %}
            and day in (
                {{ days_to_build() }}, {{ days_to_build(shift=-1) }}, {{ days_to_build(shift=-30) }},
                {{ days_to_build(shift=-60) }}
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

psi_1d as (
    select
        new.day,
        sum((new.share - old.share) * ln(new.share / old.share)) as psi
    from shares as new
    inner join shares as old
        on new.bin = old.bin and new.day = old.day + 1
    group by new.day
),

-- Who has a score now, had one a month ago by the same model, and one another month before: no newcomer's rise.
settled as (
    select
        today.day,
        today.score as score_now,
        earlier.score as score_before
    from scores as today
    inner join scores as earlier
        on
            today.person_id = earlier.person_id
            and today.day = earlier.day + 30
            and today.model_version = earlier.model_version
    semi join scores as base
        on today.person_id = base.person_id and today.day = base.day + 60
),

edges as (
    select
        day,
        list_distinct(quantile_disc(score_before, {{ tenths }})) as edges,
        count(*) as people
    from settled
    group by day
),

with_edges as (
    select
        settled.day,
        settled.score_now,
        settled.score_before,
        edges.edges
    from settled
    inner join edges
        on settled.day = edges.day
),

settled_bins as (
    select
        day,
        len(edges) + 1 as bins,
        len(list_filter(edges, lambda edge: edge < score_now)) as bin_now,
        len(list_filter(edges, lambda edge: edge < score_before)) as bin_before
    from with_edges
),

settled_shares as (
    select
        settled_bins.day,
        bins.bin,
        (count(*) filter (where settled_bins.bin_now = bins.bin) + 0.5)
        / (count(*) + any_value(settled_bins.bins) / 2) as share_now,
        (count(*) filter (where settled_bins.bin_before = bins.bin) + 0.5)
        / (count(*) + any_value(settled_bins.bins) / 2) as share_before
    from settled_bins
    inner join bins
        on settled_bins.bins > bins.bin
    group by settled_bins.day, bins.bin
),

psi_30d as (
    select
        day,
        count(*) as bins,
        sum((share_now - share_before) * ln(share_now / share_before)) as psi
    from settled_shares
    group by day
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
),

measured as (
    select
        days.day,
        coalesce(people.people, 0) as people,
        coalesce(moves.people_compared, 0) as people_compared,
        coalesce(edges.people, 0) as people_settled,
        round(psi_1d.psi, 6) as psi_1d,
        round(psi_30d.psi, 6) as psi_30d,
        psi_30d.bins as psi_30d_bins,
        days.age >= 90 and coalesce(edges.people, 0) >= 200 as is_judged,
        round(moves.abs_change_p50, 4) as abs_change_p50,
        round(moves.abs_change_p99, 4) as abs_change_p99,
        round(moves.largest_move, 4) as largest_move
    from days
    left join people on days.day = people.day
    left join psi_1d on days.day = psi_1d.day
    left join psi_30d on days.day = psi_30d.day
    left join edges on days.day = edges.day
    left join moves on days.day = moves.day
    {% if is_incremental() %}
        where days.day in ({{ days_to_build() }})
    {% endif %}
)

select
    day,
    people,
    people_compared,
    people_settled,
    people - people_settled as newcomers,
    psi_1d,
    psi_30d,
    psi_30d_bins,
    abs_change_p50,
    abs_change_p99,
    largest_move,
    case
        when not is_judged then 'not_judged'
        when psi_30d > 0.25 then 'block'
        when psi_30d > 0.1 or psi_1d > 0.1 or abs_change_p99 > 1.5 then 'warn'
        else 'ok'
    end as verdict
from measured
