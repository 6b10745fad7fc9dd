{{ config(meta={'lake_table': 'score_part'}) }}

select
    person_id,
    day,
    part,
    network,
    points,
    revision
from {{ lake_rows('score_part', is_incremental()) }}
