{{ config(materialized='view') }}

-- The first hundred of each day and topic. Ranked among those who may be shown, with the names of today.
with ranked as (
    select
        topics.day,
        topics.topic,
        rank() over (partition by topics.day, topics.topic order by topics.score desc) as rank,
        topics.person_id,
        topics.score,
        topics.evidence
    from {{ ref('stg_topic_score') }} as topics
    semi join {{ ref('int_ledger_revision') }} as revisions
        on topics.day = revisions.day and topics.revision = revisions.revision and revisions.is_latest
    anti join {{ ref('int_withheld_person') }} as withheld
        on topics.person_id = withheld.person_id
)

select
    ranked.day,
    ranked.topic,
    ranked.rank,
    ranked.person_id,
    people.display_name,
    people.handle,
    ranked.score,
    ranked.evidence
from ranked
left join {{ ref('person') }} as people
    on ranked.person_id = people.person_id
where ranked.rank <= 100
