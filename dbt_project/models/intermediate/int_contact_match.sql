{{ config(materialized='table') }}

-- The person behind each contact: of those that its clues lead to, the surest. Two different clues to one person: 0.99.
with people as (
    select
        crm,
        contact_id,
        person_id,
        array_to_string(list_reverse_sort(list(distinct method)), ' and ') as match_method,
        case
            when count(distinct method) > 1 then greatest(max(confidence), 0.99 * max(share))
            else max(confidence)
        end as match_confidence,
        max(delivered_on) as delivered_on,
        max(followers) as followers
    from {{ ref('int_contact_candidate') }}
    where obstacle is null
    group by crm, contact_id, person_id
)

select
    crm,
    contact_id,
    person_id,
    match_method,
    round(match_confidence, 4) as match_confidence
from people
-- Of equals, whom the CRM named last, then the more followed.
qualify
    row_number() over (
        partition by crm, contact_id
        order by match_confidence desc, delivered_on desc nulls last, followers desc nulls last, person_id asc
    ) = 1
