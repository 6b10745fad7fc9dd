-- The scores that stand: those of each day's newest revision. Rows that the ledger does not know yet are left out.
select
    scores.person_id,
    scores.day,
    scores.score,
    scores.score_low,
    scores.score_high,
    scores.percentile,
    scores.momentum,
    scores.reach,
    scores.amplification,
    scores.network_influence,
    scores.evidence,
    scores.unscored_reason,
    scores.model_version,
    scores.revision
from {{ ref('stg_daily_score') }} as scores
inner join {{ ref('int_ledger_revision') }} as revisions
    on scores.day = revisions.day and scores.revision = revisions.revision
where revisions.is_latest
