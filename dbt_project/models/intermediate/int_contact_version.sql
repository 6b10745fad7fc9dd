{{
    config(
        materialized='incremental',
        incremental_strategy='newest_rows',
        unique_key=['crm', 'contact_id'],
        meta={'built_from': ['stg_crm_contacts']},
    )
}}

-- Each contact as its CRM held it last, or the word that it holds it no longer.
{{
    newest_rows(
        ref('stg_crm_contacts'),
        columns=[
            'crm', 'contact_id', 'email', 'region', 'lifetime_value', 'currency', 'customer_since', 'birth_year',
            'legal_basis', 'deleted', 'updated_at', 'day',
        ],
        key=['crm', 'contact_id'],
        newest_by='updated_at',
        incremental=is_incremental(),
    )
}}
