{# Data tests of tables that grow by the day look at the days that no clean build has tested yet, so that they cost the
   same on day 400 as on day 4. A build is clean when every data test of the project ran in it and nothing failed. #}

{% macro only_untested(days_of, column='day') -%}
    {%- if days_of -%}
        {{ column }} in (select day from ops.built_day where model = '{{ days_of }}' and not tested)
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}


{% macro mark_tested(results) -%}
    {%- if execute and flags.WHICH == 'build' -%}
        {%- set expected = graph.nodes.values() | selectattr('resource_type', 'equalto', 'test') | list -%}
        {%- set ran = namespace(tests=0, clean=true) -%}
        {%- for result in results -%}
            {%- if result.status | string not in ('success', 'pass', 'warn', 'no-op') -%}
                {%- set ran.clean = false -%}
            {%- elif result.node.resource_type == 'test' -%}
                {%- set ran.tests = ran.tests + 1 -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if ran.clean and ran.tests == expected | length -%}
            update ops.built_day set tested = true where not tested
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
