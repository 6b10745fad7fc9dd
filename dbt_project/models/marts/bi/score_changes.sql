{{ config(materialized='view') }}

select
    points.person_id,
    points.day,
    points.cause,
    points.points
from {{ ref('stg_score_change') }} as points
semi join {{ ref('int_ledger_revision') }} as revisions
    on points.day = revisions.day and points.revision = revisions.revision and revisions.is_latest
anti join {{ ref('int_withheld_person') }} as withheld
    on points.person_id = withheld.person_id
