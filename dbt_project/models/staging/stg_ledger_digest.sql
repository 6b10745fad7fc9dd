{{ config(meta={'lake_table': 'ledger_digest'}) }}

select
    sequence,
    day,
    revision,
    model_version,
    published_at
from {{ lake_rows('ledger_digest', is_incremental()) }}
