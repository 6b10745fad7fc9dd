{{ config(meta={'lake_table': 'score_change'}) }}

select
    person_id,
    day,
    cause,
    points,
    revision
from {{ lake_rows('score_change', is_incremental()) }}
