{# The rank of a value in its group, equal values sharing the mean of their ranks. #}
{% macro mean_rank(column, group_by) -%}
    rank() over (partition by {{ group_by }} order by {{ column }})
    + (count(*) over (partition by {{ group_by }}, {{ column }}) - 1) / 2.0
{%- endmacro %}
