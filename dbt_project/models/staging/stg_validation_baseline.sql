{{ config(meta={'lake_table': 'validation_baseline'}) }}

select
    person_id,
    followers,
    reactions_7d,
    reactions_30d,
    pagerank_follows,
    pagerank_reactions,
    next_reactions,
    next_distinct_reactors,
    next_reposts,
    day
from {{ lake_rows('validation_baseline', is_incremental()) }}
