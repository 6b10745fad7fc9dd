{# Building by day.

   Every incremental model says in its config's meta what it is built from: `lake_table` (staging: a table of the lake;
   `every_day` where unpublished days count as well) or `built_from` (all others: staging models). ops.built_day keeps,
   for each model, each of its inputs and each day, the stamp of the input's day at the time of building. A day whose
   stamp is another now, or that is gone, is built again. The stamp of a staging model's day is the one of the lake's
   manifest, so a restated day goes through every model, and a day that stayed as it was is read by none. #}

{% macro create_built_day() -%}
    create schema if not exists ops;
    create table if not exists ops.built_day (
        model varchar not null,
        input varchar not null,
        day date not null,
        stamp varchar not null,
        tested boolean not null
    );
    {% if flags.FULL_REFRESH -%}
        -- What was tested of an earlier project says nothing of this one.
        delete from ops.built_day;
    {%- endif %}
{%- endmacro %}


{# Manifests of the model's lake table that count for it: day, stamp, files. #}
{% macro lake_stamps_source() -%}
    select
        day,
        stamp,
        files
    from {{ ref('stg_lake_manifest') }}
    where table_name = '{{ model.config.meta.lake_table }}'
    {%- if not model.config.meta.get('every_day') %}
        and is_published
    {%- endif %}
{%- endmacro %}


{# The inputs of the model as they are now: input, day, stamp. #}
{% macro input_stamps() -%}
    {%- if 'lake_table' in model.config.meta -%}
        select
            '{{ model.config.meta.lake_table }}' as input,
            day,
            stamp
        from ({{ lake_stamps_source() }})
    {%- else -%}
        select
            model as input,
            day,
            string_agg(stamp, ' ' order by input) as stamp
        from ops.built_day
        where model in ('{{ model.config.meta.built_from | join("', '") }}')
        group by model, day
    {%- endif -%}
{%- endmacro %}


{# Days whose input changed since this model was built: a query of `day`. #}
{% macro changed_days_query() -%}
    select coalesce(now.day, known.day) as day
    from ({{ input_stamps() }}) as now
    full join (select input, day, stamp from ops.built_day where model = '{{ model.name }}') as known
        on now.input = known.input and now.day = known.day
    where now.stamp is distinct from known.stamp
{%- endmacro %}


{# The days this run builds, as SQL literals for an `in (…)`.

   meta.day_offsets: a day also changes what later days say (a change since yesterday: [0, 1]).
   shift: the days so many days after them. #}
{% macro days_to_build(shift=0) -%}
    {%- if not execute -%}
        {{ return('cast(null as date)') }}
    {%- endif -%}
    {%- set query -%}
        select distinct cast(day + unnest({{ model.config.meta.get('day_offsets', [0]) }}) + {{ shift }} as varchar) as day
        from ({{ changed_days_query() }})
        order by day
    {%- endset -%}
    {%- set days = run_query(query).columns[0].values() -%}
    {{ return("date '" ~ days | join("', date '") ~ "'" if days else 'cast(null as date)') }}
{%- endmacro %}


{# Whether a day that this model has read before changed or went. #}
{% macro is_reread() -%}
    {%- if not execute -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set query -%}
        select 1
        from ({{ changed_days_query() }})
        where day in (select day from ops.built_day where model = '{{ model.name }}')
        limit 1
    {%- endset -%}
    {{ return(run_query(query).rows | length > 0) }}
{%- endmacro %}


{# Post-hook of every model: an incremental one writes down what it was built from. #}
{% macro remember_days() -%}
    {%- if execute and model.config.materialized == 'incremental' -%}
        delete from ops.built_day
        where model = '{{ model.name }}'
            and (input, day, stamp) not in (select (input, day, stamp) from ({{ input_stamps() }}));
        insert into ops.built_day
        select
            '{{ model.name }}' as model,
            now.input,
            now.day,
            now.stamp,
            false as tested
        from ({{ input_stamps() }}) as now
        anti join (select input, day from ops.built_day where model = '{{ model.name }}') as known
            on now.input = known.input and now.day = known.day;
    {%- endif -%}
{%- endmacro %}


{# Incremental strategy: replace the days to build, also those that have no rows any more. #}
{% macro get_incremental_rebuild_days_sql(arg_dict) -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    delete from {{ arg_dict['target_relation'] }}
    where {{ model.config.meta.get('day_column', 'day') }} in ({{ days_to_build() }});
    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict['temp_relation'] }};
{%- endmacro %}


{# Incremental strategy of models that keep the newest row of each key (newest_rows). #}
{% macro get_incremental_newest_rows_sql(arg_dict) -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    delete from {{ arg_dict['target_relation'] }}
    {%- if not is_reread() %}
    where ({{ arg_dict['unique_key'] | join(', ') }}) in (
        select ({{ arg_dict['unique_key'] | join(', ') }}) from {{ arg_dict['temp_relation'] }}
    )
    {%- endif %};
    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict['temp_relation'] }};
{%- endmacro %}


{# The newest row of each key, by `newest_by` and then by day. New days are weighed against the rows that stand; once a
   day is read again, a row may have gone (an erasure), and only the whole history tells what is newest. #}
{% macro newest_rows(relation, columns, key, newest_by, incremental) -%}
    {%- set add_only = incremental and not is_reread() -%}
    select {{ columns | join(', ') }}
    from (
        select {{ columns | join(', ') }} from {{ relation }}
        {%- if add_only %}
        where day in ({{ days_to_build() }})
        union all
        select {{ columns | join(', ') }} from {{ this }}
        where ({{ key | join(', ') }}) in (
            select ({{ key | join(', ') }}) from {{ relation }} where day in ({{ days_to_build() }})
        )
        {%- endif %}
    )
    qualify row_number() over (partition by {{ key | join(', ') }} order by {{ newest_by }} desc, day desc) = 1
{%- endmacro %}
