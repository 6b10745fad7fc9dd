{{ config(materialized='view') }}

select
    links.person_id,
    links.network,
    links.account_id,
    links.share,
    links.valid_from,
    links.valid_to
from {{ ref('int_person_account') }} as links
anti join {{ ref('int_withheld_person') }} as withheld
    on links.person_id = withheld.person_id
