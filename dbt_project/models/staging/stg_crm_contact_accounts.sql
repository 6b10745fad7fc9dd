{{ config(meta={'lake_table': 'crm_contact_accounts'}) }}

select
    crm,
    contact_id,
    network,
    handle,
    day
from {{ lake_rows('crm_contact_accounts', is_incremental()) }}
