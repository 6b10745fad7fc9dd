{{ config(meta={'lake_table': 'check_result', 'every_day': true}) }}

select
    stage,
    table_name,
    check_name,
    passed,
    day
from {{ lake_rows('check_result', is_incremental()) }}
