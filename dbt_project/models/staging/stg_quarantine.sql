{{ config(meta={'lake_table': 'quarantine', 'every_day': true}) }}

select
    source,
    table_name,
    reason,
    day
from {{ lake_rows('quarantine', is_incremental()) }}
