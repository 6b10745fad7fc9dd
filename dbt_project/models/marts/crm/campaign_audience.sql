{{ config(materialized='table') }}

-- The draws as they were made, without whoever may not be shown or asked today. A contact that is gone was erased.
with contacts as (
    select
        crm,
        contact_id
    from {{ ref('contact_score') }}
    where coalesce(unscored_reason, '') not in ('opted_out', 'erased', 'objection', 'under_18', 'no_legal_basis')
)

select
    drawn.campaign_id,
    drawn.crm,
    drawn.contact_id,
    drawn.person_id,
    drawn.group_name,
    drawn.drawn_at
from {{ ref('stg_campaign_audience') }} as drawn
semi join contacts
    on drawn.crm = contacts.crm and drawn.contact_id = contacts.contact_id
-- Whose the contact is may have changed since the draw.
anti join {{ ref('int_withheld_person') }} as withheld
    on drawn.person_id = withheld.person_id
