{{ config(meta={'lake_table': 'topic_score'}) }}

select
    person_id,
    day,
    topic,
    score,
    evidence,
    rank,
    revision
from {{ lake_rows('topic_score', is_incremental()) }}
