{# The column is null or lies in the closed range. #}
{% test between(model, column, at_least, at_most, days_of=none) %}
    select *
    from {{ model }}
    where
        {{ only_untested(days_of) }}
        and not {{ column }} between {{ at_least }} and {{ at_most }}
{% endtest %}
