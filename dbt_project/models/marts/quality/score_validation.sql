{{
    config(
        materialized='incremental',
        meta={
            'built_from': ['stg_activities', 'stg_daily_score', 'stg_ledger_digest', 'stg_person_account'],
            'day_column': 'as_of_day',
            'day_offsets': range(-30, 1) | list,
        },
    )
}}

{#
    A month-end is judged once the thirty days after it are published, and again when any of them changes: hence the
    offsets. Equal values share their mean rank (Spearman). Unknown followers count as none.
#}
with as_of as (
    select revisions.day as as_of_day
    from {{ ref('int_ledger_revision') }} as revisions
    cross join {{ ref('int_latest_day') }} as latest
    where
        revisions.is_latest
        and revisions.day = last_day(revisions.day)
        and revisions.day + 30 <= latest.day
        {% if is_incremental() %}
            and revisions.day in ({{ days_to_build() }})
        {% endif %}
),

members as (
    select distinct
        as_of.as_of_day,
        links.person_id,
        links.network,
        links.account_id
    from {{ ref('stg_person_account') }} as links
    inner join as_of
        on links.day = as_of.as_of_day
    where links.valid_to is null or links.valid_to > links.day
),

following_days as (
    select
        as_of_day,
        cast(as_of_day + to_days(cast(unnest(range(1, 31)) as integer)) as date) as day
    from as_of
),

received as (
    select
        following_days.as_of_day,
        members.person_id,
        count(*) as reactions,
        count(distinct activities.network || ':' || activities.actor_account_id) as distinct_reactors,
        count(*) filter (where activities.kind = 'repost') as reposts
    from {{ ref('stg_activities') }} as activities
    inner join following_days
        on activities.day = following_days.day
    inner join members
        on
            following_days.as_of_day = members.as_of_day
            and activities.network = members.network
            and activities.target_account_id = members.account_id
    -- What people do to their own accounts tells nothing.
    anti join members as own
        on
            members.as_of_day = own.as_of_day
            and members.person_id = own.person_id
            and activities.network = own.network
            and activities.actor_account_id = own.account_id
    where activities.kind in ('reply', 'mention', 'quote', 'repost', 'like')
    group by following_days.as_of_day, members.person_id
),

snapshots as (
    select
        as_of.as_of_day,
        accounts.network,
        accounts.account_id,
        arg_max(accounts.followers, accounts.observed_at) as followers
    from {{ ref('stg_accounts') }} as accounts
    inner join as_of
        on accounts.day <= as_of.as_of_day
    group by as_of.as_of_day, accounts.network, accounts.account_id
),

followers as (
    select
        members.as_of_day,
        members.person_id,
        sum(snapshots.followers) as followers
    from members
    inner join snapshots
        on
            members.as_of_day = snapshots.as_of_day
            and members.network = snapshots.network
            and members.account_id = snapshots.account_id
    group by members.as_of_day, members.person_id
),

people as (
    select
        scores.day as as_of_day,
        scores.person_id,
        scores.score,
        scores.momentum,
        ln(1 + coalesce(followers.followers, 0)) as log_followers,
        coalesce(received.reactions, 0) as reactions,
        coalesce(received.distinct_reactors, 0) as distinct_reactors,
        coalesce(received.reposts, 0) as reposts
    from {{ ref('int_score') }} as scores
    inner join as_of
        on scores.day = as_of.as_of_day
    left join received
        on scores.day = received.as_of_day and scores.person_id = received.person_id
    left join followers
        on scores.day = followers.as_of_day and scores.person_id = followers.person_id
    where scores.score is not null
),

ranked as (
    select
        as_of_day,
        reactions,
        distinct_reactors,
        reposts,
        ntile(10) over (partition by as_of_day order by score, person_id) as decile,
        {{ mean_rank('score', 'as_of_day') }} as score_rank,
        {{ mean_rank('momentum', 'as_of_day') }} as momentum_rank,
        {{ mean_rank('log_followers', 'as_of_day') }} as followers_rank,
        {{ mean_rank('reactions', 'as_of_day') }} as reactions_rank
    from people
),

correlations as (
    select
        as_of_day,
        corr(score_rank, reactions_rank) as spearman_score,
        corr(momentum_rank, reactions_rank) as spearman_momentum,
        corr(followers_rank, reactions_rank) as spearman_log_followers
    from ranked
    group by as_of_day
)

select
    ranked.as_of_day,
    30 as horizon_days,
    ranked.decile,
    count(*) as people,
    round(avg(ranked.reactions), 4) as mean_reactions,
    round(avg(ranked.distinct_reactors), 4) as mean_distinct_reactors,
    round(avg(ranked.reposts), 4) as mean_reposts,
    -- Without any spread there is no correlation, which corr() writes as NaN.
    round(nullif(any_value(correlations.spearman_score), 'nan'), 4) as spearman_score,
    round(nullif(any_value(correlations.spearman_momentum), 'nan'), 4) as spearman_momentum,
    round(nullif(any_value(correlations.spearman_log_followers), 'nan'), 4) as spearman_log_followers
from ranked
inner join correlations
    on ranked.as_of_day = correlations.as_of_day
group by ranked.as_of_day, ranked.decile
