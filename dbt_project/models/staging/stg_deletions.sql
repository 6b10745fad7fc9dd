{{ config(meta={'lake_table': 'deletions', 'every_day': true}) }}

select
    network,
    content_id,
    day
from {{ lake_rows('deletions', is_incremental()) }}
