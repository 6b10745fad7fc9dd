-- The contacts of today: without those that their CRM has deleted or merged into others.
select
    crm,
    contact_id,
    email,
    region,
    lifetime_value,
    currency,
    customer_since,
    birth_year,
    legal_basis,
    updated_at,
    day
from {{ ref('int_contact_version') }}
where deleted is not true
