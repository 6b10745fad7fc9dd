{# The address of a page as people write it in different ways: without scheme, www and the last slash. #}
{% macro web_page(column) -%}
    rtrim(regexp_replace(lower(trim({{ column }})), '^(web:)?(https?://)?(www\.)?', ''), '/')
{%- endmacro %}
