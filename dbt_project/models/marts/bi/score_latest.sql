{{ config(materialized='table') }}

with today as (
    select scores.*
    from {{ ref('int_visible_score') }} as scores
    inner join {{ ref('int_latest_day') }} as latest
        on scores.day = latest.day
),

earlier as (
    select
        scores.person_id,
        max(scores.score) filter (where scores.day = latest.day - 1) as score_1d,
        max(scores.score) filter (where scores.day = latest.day - 7) as score_7d,
        max(scores.score) filter (where scores.day = latest.day - 30) as score_30d
    from {{ ref('int_score') }} as scores
    cross join {{ ref('int_latest_day') }} as latest
    where scores.day in (latest.day - 1, latest.day - 7, latest.day - 30)
    group by scores.person_id
)

select
    today.person_id,
    people.display_name,
    people.handle,
    people.networks,
    today.day,
    today.score,
    today.score_low,
    today.score_high,
    today.percentile,
    case when today.score is not null then rank() over (order by today.score desc nulls last) end as rank,
    today.momentum,
    today.reach,
    today.amplification,
    today.network_influence,
    today.evidence,
    round(today.score - earlier.score_1d, 4) as change_1d,
    round(today.score - earlier.score_7d, 4) as change_7d,
    round(today.score - earlier.score_30d, 4) as change_30d,
    explained.explanation,
    today.unscored_reason,
    today.model_version
from today
left join {{ ref('int_explanation') }} as explained
    on today.person_id = explained.person_id
left join earlier
    on today.person_id = earlier.person_id
left join {{ ref('person') }} as people
    on today.person_id = people.person_id
