{{ config(materialized='view') }}

-- Whoever opted out or was erased has no row in any mart, so not here either; the lake keeps that they were emptied.
with withheld_contacts as (
    select
        crm,
        contact_id
    from {{ ref('int_privacy_request') }}
    where contact_id is not null and request in ('opt_out', 'erase')
)

select
    deliveries.crm,
    deliveries.run_id,
    deliveries.contact_id,
    deliveries.attempted_at,
    deliveries.answered_at,
    deliveries.as_of,
    deliveries.action,
    deliveries.causes,
    deliveries.left_alone,
    deliveries.status,
    deliveries.refusals,
    deliveries.message
from {{ ref('stg_deliveries') }} as deliveries
anti join withheld_contacts
    on deliveries.crm = withheld_contacts.crm and deliveries.contact_id = withheld_contacts.contact_id
anti join {{ ref('int_withheld_person') }} as withheld
    on deliveries.person_id = withheld.person_id
