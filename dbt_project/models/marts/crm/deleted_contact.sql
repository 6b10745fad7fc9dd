{{ config(materialized='table') }}

select
    crm,
    contact_id,
    updated_at as deleted_at
from {{ ref('int_contact_version') }}
where deleted
