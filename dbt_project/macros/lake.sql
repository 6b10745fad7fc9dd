{# The lake's tables as relations. Only files that a manifest names exist; the model stg_lake_manifest lists them. #}

{% macro lake_root() -%}
    {{ return(env_var('STATURE_HOME', '.stature').rstrip('/') ~ '/lake') }}
{%- endmacro %}


{# Every manifest of the lake as a relation; without a single one, an empty relation of the same columns. #}
{% macro lake_manifests() -%}
    {%- set pattern = "'" ~ (lake_root() | replace("'", "''")) ~ "/*/day=*/_manifest.json'" -%}
    {%- set columns = {
        'table': 'varchar',
        'day': 'date',
        'rows': 'bigint',
        'files': 'struct(name varchar)[]',
        'run_id': 'varchar',
        'written_at': 'varchar',
    } -%}
    {%- set found = false -%}
    {%- if execute -%}
        {# read_json refuses a pattern that matches nothing. #}
        {%- set found = run_query('select 1 from glob(' ~ pattern ~ ') limit 1').rows | length > 0 -%}
    {%- endif -%}
    {%- if found -%}
        (select
            * exclude ("table"),
            "table" as table_name
        from read_json({{ pattern }}, filename = 'path', columns = {{ columns }}))
    {%- else -%}
        {{ empty_relation(dict(columns, table_name='varchar', path='varchar')) }}
    {%- endif -%}
{%- endmacro %}


{% macro empty_relation(columns) -%}
    (select
        {%- for name, data_type in columns.items() %}
        cast(null as {{ data_type }}) as "{{ name }}"{{ ',' if not loop.last }}
        {%- endfor %}
    where false)
{%- endmacro %}


{# The rows of a lake table that this run has to read, in the types that the source declares.

   The first build reads every day, a later one only the days that days_to_build names. A table or a day without a
   file gives no rows. union by name: a file written before a column was added reads as null there, also where no file
   has it yet. newest_day: only the newest day that counts, for tables that hold all that is known every day. #}
{% macro lake_rows(table, incremental=false, newest_day=false) -%}
    {%- do source('lake', table) -%}
    {%- set manifests = ref('stg_lake_manifest') -%}
    {%- if execute -%}
        {%- set declared = namespace(columns={}) -%}
        {%- for node in graph.sources.values() if node.source_name == 'lake' and node.name == table -%}
            {%- for column in node.columns.values() -%}
                {%- do declared.columns.update({column.name: column.data_type}) -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- set files = lake_files(manifests, incremental, newest_day) -%}
        {%- if files -%}
    (select
            {%- for name, data_type in declared.columns.items() %}
        cast("{{ name }}" as {{ data_type }}) as "{{ name }}"{{ ',' if not loop.last }}
            {%- endfor %}
    from (
        from read_parquet(
            [
                {%- for file in files %}
                '{{ file | replace("'", "''") }}'{{ ',' if not loop.last }}
                {%- endfor %}
            ],
            hive_partitioning = true, hive_types = {'day': date}, union_by_name = true
        )
        union all by name
        from {{ empty_relation(declared.columns) }}
    ))
        {%- else -%}
    {{ empty_relation(declared.columns) }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{# The files of the days to read: a list of paths. `dbt docs` may compile before anything was built. #}
{% macro lake_files(manifests, incremental, newest_day) -%}
    {%- if load_relation(manifests) is none -%}
        {{ return([]) }}
    {%- endif -%}
    {%- set query -%}
        select unnest(files) as file
        from ({{ lake_stamps_source() }})
        {%- if incremental %}
        where day in ({{ days_to_build() }})
        {%- elif newest_day %}
        where day = (select max(day) from ({{ lake_stamps_source() }}))
        {%- endif %}
        order by file
    {%- endset -%}
    {{ return(run_query(query).columns[0].values()) }}
{%- endmacro %}
