{{
    config(
        materialized='incremental',
        incremental_strategy='newest_rows',
        unique_key=['network', 'account_id'],
        meta={'built_from': ['stg_accounts']},
    )
}}

-- Each account as its network described it last.
{{
    newest_rows(
        ref('stg_accounts'),
        columns=[
            'network', 'account_id', 'handle', 'display_name', 'email', 'region', 'language', 'followers',
            'is_automated', 'observed_at', 'day',
        ],
        key=['network', 'account_id'],
        newest_by='observed_at',
        incremental=is_incremental(),
    )
}}
