{{ config(meta={'lake_table': 'topic_score'}) }}

select
    person_id,
    day,
    topic,
    score,
    evidence,
    -- Days of before endorsements counted have none.
    coalesce(endorsements, 0) as endorsements,
    rank,
    revision
from {{ lake_rows('topic_score', is_incremental()) }}
