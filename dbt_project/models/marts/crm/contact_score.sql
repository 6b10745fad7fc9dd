{{ config(materialized='table') }}

with requests as (
    select
        crm,
        contact_id,
        request
    from {{ ref('int_privacy_request') }}
    where contact_id is not null
),

objecting_people as (
    select distinct coalesce(links.person_id, 'acct:' || requests.network || ':' || requests.account_id) as person_id
    from {{ ref('int_privacy_request') }} as requests
    left join {{ ref('int_person_account') }} as links
        on requests.network = links.network and requests.account_id = links.account_id and links.is_open
    where requests.account_id is not null and requests.request = 'object'
),

-- Why nobody was matched, where clues lead somewhere.
ambiguous as (
    select
        crm,
        contact_id,
        min(obstacle) as obstacle
    from {{ ref('int_contact_candidate') }}
    group by crm, contact_id
),

topics as (
    select
        topics.person_id,
        max(coalesce(labels.label, topics.topic)) filter (where topics.rank = 1) as topic_1,
        max(coalesce(labels.label, topics.topic)) filter (where topics.rank = 2) as topic_2,
        max(coalesce(labels.label, topics.topic)) filter (where topics.rank = 3) as topic_3
    from {{ ref('stg_topic_score') }} as topics
    left join {{ ref('int_topic_label') }} as labels
        on topics.topic = labels.topic
    inner join {{ ref('int_latest_day') }} as latest
        on topics.day = latest.day
    semi join {{ ref('int_ledger_revision') }} as revisions
        on topics.day = revisions.day and topics.revision = revisions.revision and revisions.is_latest
    group by topics.person_id
),

-- Whether the contact may have a score comes before what the score is.
contacts as (
    select
        contacts.crm,
        contacts.contact_id,
        contacts.region,
        contacts.legal_basis,
        contacts.lifetime_value,
        contacts.currency,
        date_diff('day', contacts.customer_since, latest.day) as tenure_days,
        matches.person_id,
        matches.match_method,
        matches.match_confidence,
        case
            when requests.request = 'erase' then 'erased'
            when requests.request = 'opt_out' then 'opted_out'
            when withheld.person_id is not null then withheld.unscored_reason
        end as refusal,
        case
            when requests.request = 'object' or objecting_people.person_id is not null then 'objection'
            -- Of the birth year alone, 18 is certain only when the year is over in which it is reached.
            when year(latest.day) - contacts.birth_year <= 18 then 'under_18'
            {% if needs_legal_basis() %}
                when nullif(trim(contacts.legal_basis), '') is null then 'no_legal_basis'
            {% endif %}
            when matches.person_id is null then coalesce(ambiguous.obstacle, 'not_matched')
            when matches.match_confidence < 0.5 then 'unsure_match'
        end as obstacle,
        percent_rank() over (
            partition by contacts.crm, contacts.currency
            order by contacts.lifetime_value nulls first
        ) as value_rank
    from {{ ref('int_contact') }} as contacts
    cross join {{ ref('int_latest_day') }} as latest
    left join requests
        on contacts.crm = requests.crm and contacts.contact_id = requests.contact_id
    left join {{ ref('int_contact_match') }} as matches
        on contacts.crm = matches.crm and contacts.contact_id = matches.contact_id
    left join ambiguous
        on contacts.crm = ambiguous.crm and contacts.contact_id = ambiguous.contact_id
    left join {{ ref('int_withheld_person') }} as withheld
        on matches.person_id = withheld.person_id
    left join objecting_people
        on matches.person_id = objecting_people.person_id
),

scored as (
    select
        contacts.crm,
        contacts.contact_id,
        case when contacts.refusal is null then contacts.person_id end as person_id,
        case when contacts.refusal is null then contacts.match_method end as match_method,
        case when contacts.refusal is null then contacts.match_confidence end as match_confidence,
        scores.day,
        scores.score,
        scores.score_low,
        scores.score_high,
        scores.percentile,
        scores.change_7d,
        scores.change_30d,
        topics.topic_1,
        topics.topic_2,
        topics.topic_3,
        scores.explanation,
        case
            when scores.score is null
                then coalesce(contacts.refusal, contacts.obstacle, latest_scores.unscored_reason, 'not_scored')
        end as unscored_reason,
        contacts.region,
        contacts.legal_basis,
        contacts.lifetime_value,
        contacts.currency,
        case when contacts.tenure_days < 0 then 0 else contacts.tenure_days end as tenure_days,
        coalesce(service.service_events_90d, 0) as service_events_90d,
        coalesce(service.open_cases, 0) as open_cases,
        coalesce(service.double_failure, false) as double_failure,
        coalesce(contacts.lifetime_value > 0 and contacts.value_rank >= 0.9, false) as is_of_high_value
    from contacts
    left join {{ ref('score_latest') }} as latest_scores
        on contacts.person_id = latest_scores.person_id
    left join {{ ref('score_latest') }} as scores
        on
            contacts.person_id = scores.person_id
            and contacts.refusal is null
            and contacts.obstacle is null
            and scores.score is not null
    left join topics
        on scores.person_id = topics.person_id
    left join {{ ref('int_contact_service') }} as service
        on contacts.crm = service.crm and contacts.contact_id = service.contact_id
)

select
    crm,
    contact_id,
    person_id,
    match_method,
    match_confidence,
    day,
    score,
    score_low,
    score_high,
    percentile,
    change_7d,
    change_30d,
    topic_1,
    topic_2,
    topic_3,
    -- Wherever a score is shown, it is said what it measures.
    explanation || '. It measures attention, not approval and not worth.' as sentence,
    unscored_reason,
    region,
    legal_basis,
    lifetime_value,
    currency,
    tenure_days,
    service_events_90d,
    open_cases,
    double_failure,
    -- Every reason adds and none takes away: nobody waits longer for a low score or for having none.
    cast(coalesce(percentile >= 90, false) as integer)
    + cast(is_of_high_value as integer)
    + 2 * cast(double_failure as integer)
    + cast(open_cases > 0 as integer) as priority
from scored
