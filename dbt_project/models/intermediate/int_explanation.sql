{{ config(materialized='table') }}

-- The newest score of each person in one sentence. Every word is read off published numbers: the change over seven
-- days, the cause that gave most of it, the kind of reaction that moved most the same way.
with latest as (
    select day from {{ ref('int_latest_day') }}
),

week_ago as (
    select
        scores.person_id,
        scores.score,
        scores.reach
    from {{ ref('int_score') }} as scores
    inner join latest
        on scores.day = latest.day - 7
    where scores.score is not null
),

people as (
    select
        scores.person_id,
        scores.day,
        scores.score,
        scores.score_low,
        scores.score_high,
        scores.evidence,
        scores.unscored_reason,
        round(scores.score - week_ago.score, 4) as change,
        scores.reach - week_ago.reach as reach_change,
        case
            when scores.score - week_ago.score >= 0.5 then 1
            when scores.score - week_ago.score <= -0.5 then -1
            when week_ago.score is not null then 0
        end as direction
    from {{ ref('int_visible_score') }} as scores
    inner join latest
        on scores.day = latest.day
    left join week_ago
        on scores.person_id = week_ago.person_id
),

week_changes as (
    select
        changes.person_id,
        changes.cause,
        sum(changes.points) as points
    from {{ ref('stg_score_change') }} as changes
    cross join latest
    semi join {{ ref('int_ledger_revision') }} as revisions
        on changes.day = revisions.day and changes.revision = revisions.revision and revisions.is_latest
    where changes.day > latest.day - 7
    group by changes.person_id, changes.cause
),

causes as (
    select
        week_changes.person_id,
        arg_max(week_changes.cause, week_changes.points * people.direction) as cause
    from week_changes
    inner join people
        on week_changes.person_id = people.person_id
    where week_changes.points * people.direction > 0
    group by week_changes.person_id
),

parts as (
    select
        parts.person_id,
        parts.part,
        coalesce(sum(parts.points) filter (where parts.day = latest.day), 0) as points,
        coalesce(sum(parts.points) filter (where parts.day < latest.day), 0) as points_before
    from {{ ref('stg_score_part') }} as parts
    cross join latest
    semi join {{ ref('int_ledger_revision') }} as revisions
        on parts.day = revisions.day and parts.revision = revisions.revision and revisions.is_latest
    where parts.day in (latest.day, latest.day - 7)
    group by parts.person_id, parts.part
),

kinds as (
    select
        parts.person_id,
        -- Where the score moved, the kind that moved most the same way; else the largest.
        arg_max(
            parts.part,
            case people.direction
                when 1 then parts.points - parts.points_before
                when -1 then parts.points_before - parts.points
                else parts.points
            end
        ) as kind
    from parts
    inner join people
        on parts.person_id = people.person_id
    where
        parts.part in ('like', 'repost', 'quote', 'reply', 'mention')
        and case people.direction
            when 1 then parts.points - parts.points_before
            when -1 then parts.points_before - parts.points
            else parts.points
        end > 0
    group by parts.person_id
),

reactions as (
    select
        person_id,
        coalesce(bool_or(part in ('like', 'repost', 'quote', 'reply', 'mention') and points > 0), false) as has_any,
        -coalesce(min(points) filter (where part = 'ceiling'), 0) as held_back
    from parts
    group by person_id
),

topics as (
    select
        topics.person_id,
        min(coalesce(labels.label, topics.topic)) as topic
    from {{ ref('stg_topic_score') }} as topics
    inner join latest
        on topics.day = latest.day
    left join {{ ref('int_topic_label') }} as labels
        on topics.topic = labels.topic
    semi join {{ ref('int_ledger_revision') }} as revisions
        on topics.day = revisions.day and topics.revision = revisions.revision and revisions.is_latest
    where topics.rank = 1
    group by topics.person_id
),

holders as (
    select
        network,
        account_id,
        arg_max(person_id, share) as person_id
    from {{ ref('int_person_account') }}
    where is_open
    group by network, account_id
),

-- Who is listened to: the upper quarter of the people scored. Points of reactors without a score count as not.
listened as (
    select
        reactors.person_id,
        sum(reactors.points) filter (where scores.percentile >= 75) > 0.5 * sum(reactors.points) as is_from_listened
    from {{ ref('stg_score_reactor') }} as reactors
    inner join latest
        on reactors.day = latest.day
    semi join {{ ref('int_ledger_revision') }} as revisions
        on reactors.day = revisions.day and reactors.revision = revisions.revision and revisions.is_latest
    left join holders
        on reactors.network = holders.network and reactors.account_id = holders.account_id
    left join {{ ref('int_score') }} as scores
        on holders.person_id = scores.person_id and latest.day = scores.day
    group by reactors.person_id
),

known as (
    select
        people.person_id,
        people.day,
        people.score,
        people.score_low,
        people.score_high,
        people.evidence,
        people.unscored_reason,
        people.change,
        people.reach_change,
        people.direction,
        causes.cause,
        case kinds.kind
            when 'reply' then 'replies'
            else kinds.kind || 's'
        end as kind,
        topics.topic,
        coalesce(listened.is_from_listened, false) as is_from_listened,
        coalesce(reactions.has_any, false) as has_reactions,
        coalesce(reactions.held_back, 0) as held_back
    from people
    left join causes
        on people.person_id = causes.person_id
    left join kinds
        on people.person_id = kinds.person_id
    left join reactions
        on people.person_id = reactions.person_id
    left join topics
        on people.person_id = topics.person_id
    left join listened
        on people.person_id = listened.person_id
)

select
    person_id,
    day,
    case
        when score is null then {{ explained_absence() }}
        when not has_reactions and score < 1.5 then format('{:.0f}: no reactions that count yet', score)
        else
            {{ explained_movement() }}
            || coalesce(': ' || {{ explained_reason() }}, '')
            || coalesce('; ' || {{ explained_ceiling() }}, '')
            || coalesce('; ' || {{ explained_interval() }}, '')
    end as explanation
from known
