{{ config(meta={'lake_table': 'daily_score'}) }}

select
    person_id,
    day,
    score,
    score_low,
    score_high,
    percentile,
    observed_score,
    momentum,
    reach,
    amplification,
    network_influence,
    evidence,
    unscored_reason,
    model_version,
    revision,
    reason,
    published_at
from {{ lake_rows('daily_score', is_incremental()) }}
