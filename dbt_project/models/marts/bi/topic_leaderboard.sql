{{ config(materialized='view') }}

-- The first hundred of each day and topic, ranked among those who may be shown, with the names of today.
with ranked as (
    select
        candidates.day,
        candidates.topic,
        rank() over (partition by candidates.day, candidates.topic order by candidates.score desc) as rank,
        candidates.person_id,
        candidates.score,
        candidates.evidence,
        candidates.endorsements
    from {{ ref('int_topic_candidate') }} as candidates
    anti join {{ ref('int_withheld_person') }} as withheld
        on candidates.person_id = withheld.person_id
)

select
    ranked.day,
    ranked.topic,
    coalesce(labels.label, ranked.topic) as label,
    labels.parent,
    labels.parent_label,
    ranked.rank,
    ranked.person_id,
    people.display_name,
    people.handle,
    ranked.score,
    ranked.evidence,
    ranked.endorsements
from ranked
left join {{ ref('person') }} as people
    on ranked.person_id = people.person_id
left join {{ ref('int_topic_label') }} as labels
    on ranked.topic = labels.topic
where ranked.rank <= 100
