{{
    config(
        materialized='incremental',
        meta={'built_from': ['stg_topic_score', 'stg_ledger_digest']},
    )
}}

-- Those who may appear on a topic's leaderboard: three times as many as it shows, so that whoever leaves can be
-- replaced without looking through the whole history again.
select
    topics.day,
    topics.topic,
    topics.person_id,
    topics.score,
    topics.evidence,
    topics.endorsements
from {{ ref('stg_topic_score') }} as topics
semi join {{ ref('int_ledger_revision') }} as revisions
    on topics.day = revisions.day and topics.revision = revisions.revision and revisions.is_latest
{% if is_incremental() %}
    where topics.day in ({{ days_to_build() }})
{% endif %}
qualify rank() over (partition by topics.day, topics.topic order by topics.score desc) <= 300
