-- Who opted out or was erased is in no mart. (The views over the history leave them out by their own definition.)
with shown as (
    select
        'person' as mart,
        person_id
    from {{ ref('person') }}
    union all
    select
        'score_latest' as mart,
        person_id
    from {{ ref('score_latest') }}
    union all
    select
        'content_leaderboard' as mart,
        person_id
    from {{ ref('content_leaderboard') }}
    union all
    select
        'contact_score' as mart,
        person_id
    from {{ ref('contact_score') }}
    union all
    select
        'campaign_audience' as mart,
        person_id
    from {{ ref('campaign_audience') }}
)

select shown.*
from shown
semi join {{ ref('int_withheld_person') }} as withheld
    on shown.person_id = withheld.person_id
