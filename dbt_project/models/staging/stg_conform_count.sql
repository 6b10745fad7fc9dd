{{ config(meta={'lake_table': 'conform_count', 'every_day': true}) }}

select
    source,
    table_name,
    received,
    accepted,
    quarantined,
    duplicates,
    suppressed,
    day
from {{ lake_rows('conform_count', is_incremental()) }}
