-- The newest published day: one row, its day null while nothing is published. "Now" in every mart.
select max(day) as day
from {{ ref('int_ledger_revision') }}
