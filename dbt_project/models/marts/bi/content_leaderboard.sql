{{ config(materialized='table') }}

-- The thousand pieces of content with the most reactions delivered in the last seven days.
with reactions as (
    select
        activities.network,
        activities.content_id,
        activities.kind,
        activities.actor_account_id,
        activities.target_account_id
    from {{ ref('stg_activities') }} as activities
    cross join {{ ref('int_latest_day') }} as latest
    where
        activities.day > latest.day - 7
        and activities.kind in ('like', 'repost', 'quote', 'reply')
        and activities.content_id is not null
),

-- Nothing older than 90 days is taken in, so whatever was reacted to lies in this window or was never delivered.
posts as (
    select
        activities.network,
        activities.activity_id as content_id,
        activities.actor_account_id as author_account_id,
        activities.occurred_at as posted_at
    from {{ ref('stg_activities') }} as activities
    cross join {{ ref('int_latest_day') }} as latest
    where
        activities.day > latest.day - 97
        and activities.kind in ('post', 'reply', 'quote')
        and (activities.network, activities.activity_id) in (
            select (reactions.network, reactions.content_id) from reactions
        )
),

content as (
    select
        reactions.network,
        reactions.content_id,
        any_value(posts.author_account_id) as author_account_id,
        any_value(posts.posted_at) as posted_at,
        -- Where the post was not delivered, its reactions still tell whose it was.
        coalesce(any_value(posts.author_account_id), min(reactions.target_account_id)) as owner_account_id
    from reactions
    left join posts
        on reactions.network = posts.network and reactions.content_id = posts.content_id
    anti join {{ ref('stg_deletions') }} as deletions
        on reactions.network = deletions.network and reactions.content_id = deletions.content_id
    group by reactions.network, reactions.content_id
),

accounts as (
    select
        network,
        account_id,
        -- A shared account is shown as the person's who has most of it.
        arg_max(person_id, share) as person_id
    from {{ ref('int_person_account') }}
    where is_open
    group by network, account_id
),

owned as (
    select
        content.network,
        content.content_id,
        content.author_account_id,
        content.posted_at,
        coalesce(owners.person_id, 'acct:' || content.network || ':' || content.owner_account_id) as person_id
    from content
    left join accounts as owners
        on content.network = owners.network and content.owner_account_id = owners.account_id
),

counted as (
    select
        owned.network,
        owned.content_id,
        owned.person_id,
        owned.author_account_id,
        owned.posted_at,
        count(*) as reactions,
        count(*) filter (where reactions.kind = 'like') as likes,
        count(*) filter (where reactions.kind = 'repost') as reposts,
        count(*) filter (where reactions.kind = 'quote') as quotes,
        count(*) filter (where reactions.kind = 'reply') as replies,
        count(distinct reactions.actor_account_id) as distinct_reactors
    from owned
    inner join reactions
        on owned.network = reactions.network and owned.content_id = reactions.content_id
    left join accounts as reactors
        on reactions.network = reactors.network and reactions.actor_account_id = reactors.account_id
    anti join {{ ref('int_withheld_person') }} as withheld
        on owned.person_id = withheld.person_id
    where
        coalesce(reactors.person_id, 'acct:' || reactions.network || ':' || reactions.actor_account_id)
        is distinct from owned.person_id
    group by owned.network, owned.content_id, owned.person_id, owned.author_account_id, owned.posted_at
)

select
    network,
    content_id,
    person_id,
    author_account_id,
    posted_at,
    reactions,
    likes,
    reposts,
    quotes,
    replies,
    distinct_reactors,
    rank() over (order by reactions desc, distinct_reactors desc) as rank
from counted
qualify rank() over (order by reactions desc, distinct_reactors desc) <= 1000
