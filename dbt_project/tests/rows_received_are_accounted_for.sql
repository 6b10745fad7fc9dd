-- received = accepted + quarantined + duplicates + suppressed: nothing is dropped in silence.
select
    day,
    source,
    table_name,
    received,
    accepted + quarantined + duplicates + suppressed as accounted_for
from {{ ref('data_quality') }}
where
    not balanced
    or received != accepted + quarantined + duplicates + suppressed
