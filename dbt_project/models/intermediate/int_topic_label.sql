{{ config(materialized='table') }}

-- What topics are called today: the rows of the newest day that has some. Others are called what they are.
select
    labels.topic,
    labels.label,
    labels.parent,
    parents.label as parent_label
from {{ ref('stg_topic_label') }} as labels
left join {{ ref('stg_topic_label') }} as parents
    on labels.parent = parents.topic and labels.day = parents.day
where labels.day = (select max(newest.day) from {{ ref('stg_topic_label') }} as newest)
