{{ config(materialized='table') }}

-- The lake as it stands when the build begins: every model of the build sees these days and files.
with manifests as (
    select
        table_name,
        day,
        written_at || ' ' || run_id as stamp,
        list_transform(files, lambda file: regexp_replace(path, '[^/]*$', '') || file['name']) as files
    from {{ lake_manifests() }}
),

published as (
    select distinct day
    from manifests
    where table_name = 'ledger_digest'
)

select
    manifests.table_name,
    manifests.day,
    manifests.stamp,
    published.day is not null as is_published,
    manifests.files
from manifests
left join published
    on manifests.day = published.day
