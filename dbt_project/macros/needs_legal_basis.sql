{# STATURE_REQUIRE_LEGAL_BASIS: whether a contact whose CRM states no basis in law for processing stays unscored. #}
{% macro needs_legal_basis() -%}
    {{ return(env_var('STATURE_REQUIRE_LEGAL_BASIS', 'false') | lower in ('1', 'true', 'yes', 'on')) }}
{%- endmacro %}
