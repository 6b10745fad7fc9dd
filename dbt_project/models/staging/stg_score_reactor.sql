{{ config(meta={'lake_table': 'score_reactor'}) }}

select
    person_id,
    day,
    rank,
    network,
    account_id,
    points,
    revision
from {{ lake_rows('score_reactor', is_incremental()) }}
