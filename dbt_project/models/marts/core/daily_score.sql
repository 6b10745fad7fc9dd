{{ config(materialized='view') }}

select
    scores.person_id,
    scores.day,
    scores.score,
    scores.score_low,
    scores.score_high,
    scores.percentile,
    scores.observed_score,
    scores.momentum,
    scores.reach,
    scores.amplification,
    scores.network_influence,
    scores.evidence,
    scores.unscored_reason,
    scores.model_version,
    scores.revision,
    scores.reason,
    scores.published_at
from {{ ref('stg_daily_score') }} as scores
-- A row is published once the ledger has its day's digest.
semi join {{ ref('int_ledger_revision') }} as revisions
    on scores.day = revisions.day and scores.revision = revisions.revision
anti join {{ ref('int_withheld_person') }} as withheld
    on scores.person_id = withheld.person_id
