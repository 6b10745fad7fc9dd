{# None of these columns is null. For views: a table's contract lets the database itself refuse nulls. #}
{% test required(model, columns, days_of=none) %}
    select {{ columns | join(', ') }}
    from {{ model }}
    where
        {{ only_untested(days_of) }}
        and ({{ columns | join(' is null or ') }} is null)
{% endtest %}
