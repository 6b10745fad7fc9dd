-- The causes of a change add up to it, for everybody who has a score today and had one yesterday: within 0.01, as
-- both scores are rounded to a hundredth, and what rounding ten causes to a ten-thousandth adds to that.
with changes as (
    select
        person_id,
        day,
        sum(points) as points
    from {{ ref('score_changes') }}
    where {{ only_untested('stg_daily_score') }}
    group by person_id, day
)

select
    trend.person_id,
    trend.day,
    trend.change_1d,
    changes.points
from {{ ref('score_trend') }} as trend
left join changes
    on trend.person_id = changes.person_id and trend.day = changes.day
where
    trend.change_1d is not null
    and {{ only_untested('stg_daily_score', 'trend.day') }}
    and abs(trend.change_1d - coalesce(changes.points, 0)) > 0.01 + 10 * 0.00005 + 1e-9
