{{
    config(
        materialized='incremental',
        meta={'built_from': ['stg_daily_score', 'stg_ledger_digest'], 'day_offsets': [0, 1]},
    )
}}

-- A restated day moves the change of the day after it as well, hence the offsets.
with today as (
    select
        person_id,
        day,
        score,
        score_low,
        score_high,
        momentum,
        unscored_reason,
        revision
    from {{ ref('int_score') }}
    {% if is_incremental() %}
        where day in ({{ days_to_build() }})
    {% endif %}
),

yesterday as (
    select
        person_id,
        day,
        score
    from {{ ref('int_score') }}
    {% if is_incremental() %}
        where day in ({{ days_to_build(shift=-1) }})
    {% endif %}
)

select
    today.person_id,
    today.day,
    today.score,
    today.score_low,
    today.score_high,
    today.momentum,
    round(today.score - yesterday.score, 4) as change_1d,
    today.unscored_reason,
    today.revision
from today
left join yesterday
    on today.person_id = yesterday.person_id and today.day = yesterday.day + 1
