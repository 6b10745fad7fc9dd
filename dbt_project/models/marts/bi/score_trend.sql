{{ config(materialized='view') }}

select
    trend.person_id,
    trend.day,
    trend.score,
    trend.score_low,
    trend.score_high,
    trend.momentum,
    trend.change_1d,
    trend.revision
from {{ ref('int_score_trend') }} as trend
anti join {{ ref('int_withheld_person') }} as withheld
    on trend.person_id = withheld.person_id
where trend.unscored_reason is null or trend.unscored_reason not in ('opted_out', 'erased')
