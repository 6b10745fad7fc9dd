{{
    config(
        materialized='incremental',
        meta={'built_from': ['stg_conform_count', 'stg_quarantine', 'stg_check_result']},
    )
}}

-- Every conformed day, published or not: a day that was held back is the one to look at.
with counts as (
    select
        day,
        source,
        table_name,
        received,
        accepted,
        quarantined,
        duplicates,
        suppressed
    from {{ ref('stg_conform_count') }}
    {% if is_incremental() %}
        where day in ({{ days_to_build() }})
    {% endif %}
),

reasons as (
    select
        day,
        source,
        table_name,
        reason
    from {{ ref('stg_quarantine') }}
    {% if is_incremental() %}
        where day in ({{ days_to_build() }})
    {% endif %}
    group by day, source, table_name, reason
    qualify row_number() over (partition by day, source, table_name order by count(*) desc, reason) = 1
),

checks as (
    select
        day,
        any_value(stage) as stage,
        table_name,
        count(*) filter (where not passed) as checks_failed
    from {{ ref('stg_check_result') }}
    {% if is_incremental() %}
        where day in ({{ days_to_build() }})
    {% endif %}
    group by day, table_name
)

select
    counts.day,
    counts.source,
    counts.table_name,
    counts.received,
    counts.accepted,
    counts.quarantined,
    counts.duplicates,
    counts.suppressed,
    counts.received = counts.accepted + counts.quarantined + counts.duplicates + counts.suppressed as balanced,
    reasons.reason as top_reason,
    coalesce(checks.checks_failed, 0) as checks_failed
from counts
left join reasons
    on counts.day = reasons.day and counts.source = reasons.source and counts.table_name = reasons.table_name
left join checks
    on counts.day = checks.day and counts.table_name = checks.table_name

union all

-- A failed check on a table that nobody delivered, such as the scores, stands under the stage that made the table.
select
    checks.day,
    checks.stage as source,
    checks.table_name,
    0 as received,
    0 as accepted,
    0 as quarantined,
    0 as duplicates,
    0 as suppressed,
    true as balanced,
    null as top_reason,
    checks.checks_failed
from checks
anti join counts
    on checks.day = counts.day and checks.table_name = counts.table_name
where checks.checks_failed > 0
