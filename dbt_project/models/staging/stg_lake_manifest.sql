{{ config(materialized='table') }}

-- The lake as it stands when the build begins: every model of the build sees these days and files.
with manifests as (
    select
        "table" as table_name,
        day,
        written_at || ' ' || run_id as stamp,
        regexp_replace(path, '/[^/]*$', '') as folder,
        files
    from {{ lake_manifests() }}
)

select
    table_name,
    day,
    stamp,
    day in (select digests.day from manifests as digests where digests.table_name = 'ledger_digest') as is_published,
    list_transform(files, lambda file: folder || '/' || file.name) as files
from manifests
