-- The scores that may be shown: those that stand, without people who opted out, now or on the day.
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
from {{ ref('int_score') }} as scores
anti join {{ ref('int_withheld_person') }} as withheld
    on scores.person_id = withheld.person_id
where scores.unscored_reason is null or scores.unscored_reason not in ('opted_out', 'erased')
