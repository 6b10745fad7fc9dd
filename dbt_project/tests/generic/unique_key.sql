{# No two rows share these columns; nulls count as equal. `days_of`: only the days of that model not tested yet. #}
{% test unique_key(model, columns, days_of=none) %}
    select
        {{ columns | join(', ') }},
        count(*) as rows
    from {{ model }}
    where {{ only_untested(days_of) }}
    group by {{ columns | join(', ') }}
    having count(*) > 1
{% endtest %}
