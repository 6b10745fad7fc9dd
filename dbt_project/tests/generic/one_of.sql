{# The column is null or one of the values. #}
{% test one_of(model, column, values, days_of=none) %}
    select distinct {{ column }}
    from {{ model }}
    where
        {{ only_untested(days_of) }}
        and {{ column }} not in ('{{ values | join("', '") }}')
{% endtest %}
