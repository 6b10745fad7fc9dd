{{
    config(
        materialized='incremental',
        meta={'built_from': ['stg_activities', 'stg_daily_score', 'stg_ledger_digest', 'stg_person_account']},
    )
}}

with activity as (
    select
        network,
        day,
        count(*) as activities,
        count(distinct actor_account_id) as active_accounts,
        count(*) filter (where kind in ('reply', 'mention', 'quote', 'repost', 'like')) as reactions,
        count(*) filter (where kind = 'follow') as follows
    from {{ ref('stg_activities') }}
    {% if is_incremental() %}
        where day in ({{ days_to_build() }})
    {% endif %}
    group by network, day
),

-- Once a network, however many accounts the person has there.
members as (
    select distinct
        network,
        day,
        person_id
    from {{ ref('stg_person_account') }}
    where
        (valid_to is null or valid_to > day)
        {% if is_incremental() %}
            and day in ({{ days_to_build() }})
        {% endif %}
),

scores as (
    select
        members.network,
        members.day,
        count(*) as people_scored,
        round(median(scores.score), 4) as median_score
    from members
    inner join {{ ref('int_score') }} as scores
        on members.person_id = scores.person_id and members.day = scores.day
    where
        scores.score is not null
        {% if is_incremental() %}
            and scores.day in ({{ days_to_build() }})
        {% endif %}
    group by members.network, members.day
)

select
    coalesce(activity.network, scores.network) as network,
    coalesce(activity.day, scores.day) as day,
    coalesce(activity.activities, 0) as activities,
    coalesce(activity.active_accounts, 0) as active_accounts,
    coalesce(activity.reactions, 0) as reactions,
    coalesce(activity.follows, 0) as follows,
    coalesce(scores.people_scored, 0) as people_scored,
    scores.median_score
from activity
full join scores
    on activity.network = scores.network and activity.day = scores.day
