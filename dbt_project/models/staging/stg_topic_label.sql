{{ config(meta={'lake_table': 'topic_label'}) }}

select
    topic,
    label,
    parent,
    day
from {{ lake_rows('topic_label', is_incremental()) }}
