-- The parts of a score add up to it within 0.01, for everybody scored, and nobody else has parts.
with scores as (
    select
        person_id,
        day,
        score
    from {{ ref('score_trend') }}
    where
        score is not null
        and {{ only_untested('stg_daily_score') }}
),

parts as (
    select
        person_id,
        day,
        sum(points) as points
    from {{ ref('score_parts') }}
    where {{ only_untested('stg_daily_score') }}
    group by person_id, day
)

select
    coalesce(scores.person_id, parts.person_id) as person_id,
    coalesce(scores.day, parts.day) as day,
    scores.score,
    parts.points
from scores
full join parts
    on scores.person_id = parts.person_id and scores.day = parts.day
where coalesce(abs(scores.score - parts.points), 1) > 0.01 + 1e-9
