{{ config(meta={'lake_table': 'crm_contacts'}) }}

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
    deleted,
    updated_at,
    day
from {{ lake_rows('crm_contacts', is_incremental()) }}
