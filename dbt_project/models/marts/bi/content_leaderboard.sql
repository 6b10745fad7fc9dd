{{ config(materialized='table') }}

-- The thousand pieces of content that most trusted people reacted to in the last seven days. Counting people as far as
-- they are trusted, and each once, is what a thousand fakes or one zealous friend cannot move.
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
        -- What is delivered late is not news again.
        and activities.occurred_at >= latest.day - 6
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

-- An objection suspends more than the score: whoever objects is ranked nowhere until it is answered.
objecting as (
    select
        network,
        account_id
    from {{ ref('int_privacy_request') }}
    where request = 'object' and account_id is not null
),

unlisted as (
    select person_id from {{ ref('int_withheld_person') }}
    union all
    select coalesce(accounts.person_id, 'acct:' || objecting.network || ':' || objecting.account_id) as person_id
    from objecting
    left join accounts
        on objecting.network = accounts.network and objecting.account_id = accounts.account_id
),

by_reactor as (
    select
        owned.network,
        owned.content_id,
        owned.person_id,
        owned.author_account_id,
        owned.posted_at,
        coalesce(reactors.person_id, 'acct:' || reactions.network || ':' || reactions.actor_account_id) as reactor_id,
        count(*) as reactions,
        count(*) filter (where reactions.kind = 'like') as likes,
        count(*) filter (where reactions.kind = 'repost') as reposts,
        count(*) filter (where reactions.kind = 'quote') as quotes,
        count(*) filter (where reactions.kind = 'reply') as replies,
        coalesce(max(states.trust), 0) as trust
    from owned
    inner join reactions
        on owned.network = reactions.network and owned.content_id = reactions.content_id
    left join accounts as reactors
        on reactions.network = reactors.network and reactions.actor_account_id = reactors.account_id
    left join {{ ref('stg_account_state') }} as states
        on reactions.network = states.network and reactions.actor_account_id = states.account_id
    anti join unlisted
        on owned.person_id = unlisted.person_id
    group by owned.network, owned.content_id, owned.person_id, owned.author_account_id, owned.posted_at, reactor_id
),

counted as (
    select
        network,
        content_id,
        person_id,
        author_account_id,
        posted_at,
        cast(sum(reactions) as bigint) as reactions,
        cast(sum(likes) as bigint) as likes,
        cast(sum(reposts) as bigint) as reposts,
        cast(sum(quotes) as bigint) as quotes,
        cast(sum(replies) as bigint) as replies,
        count(*) as distinct_reactors,
        -- Rounded, so that the order in which doubles are added up decides no rank.
        round(sum(trust), 4) as trusted_reactors
    from by_reactor
    where reactor_id is distinct from person_id
    group by network, content_id, person_id, author_account_id, posted_at
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
    trusted_reactors,
    rank() over (order by trusted_reactors desc, distinct_reactors desc, reactions desc) as rank
from counted
qualify rank() over (order by trusted_reactors desc, distinct_reactors desc, reactions desc) <= 1000
