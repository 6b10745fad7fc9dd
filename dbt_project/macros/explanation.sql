{# The phrases of int_explanation, one macro each. All of them fit "the contact" and "you" alike. #}

{# 38, up 1.2 this week. Half a point in a week is no news. #}
{% macro explained_movement() -%}
    format('{:.0f}', score)
    || case
        when change is null then ', no score a week ago'
        when direction = 1 then format(', up {:.1f} this week', change)
        when direction = -1 then format(', down {:.1f} this week', -change)
        else ', steady this week'
    end
{%- endmacro %}


{# What moved the score most, or what it is made of; null where nothing stands out. #}
{% macro explained_reason() -%}
    case
        when coalesce(direction, 0) = 0
            then 'most of it from ' || kind || coalesce(', above all on ' || topic, '')
        when direction = 1
            then case
                when cause in ('new_attention', 'fading')
                    then
                        'more attention' || coalesce(' through ' || kind, '')
                        || coalesce(', above all on ' || topic, '')
                        || case
                            when is_from_listened then ', mostly by people who are listened to themselves'
                            when reach_change >= 1 then ', by more people than before'
                            else ''
                        end
                when cause = 'others_authority' then 'the people who react count for more'
                when cause = 'give_back' then 'less of the attention is returned'
                when cause = 'accounts' then 'accounts that joined lately are counted in step by step'
                when cause = 'ceiling' then 'the account is older and less is held back'
                when cause = 'endorsements' then 'more people vouch'
                when cause = 'smoothing' then 'earlier gains are counted in step by step'
            end
        else case
            when cause in ('new_attention', 'fading')
                then
                    case
                        when reach_change <= -1
                            then 'fewer people reacted' || coalesce(', and less came through ' || kind, '')
                        else 'less attention' || coalesce(' through ' || kind, '') || ' than before'
                    end
            when cause = 'others_authority' then 'the people who react count for less'
            when cause = 'give_back' then 'more of the attention is returned'
            when cause = 'accounts' then 'accounts that left lately are counted out step by step'
            when cause = 'ceiling' then 'more is held back while the account is new'
            when cause = 'endorsements' then 'endorsements are older'
            when cause = 'smoothing' then 'earlier losses are counted in step by step'
        end
    end
{%- endmacro %}


{# held back by 4.2 while the account is new #}
{% macro explained_ceiling() -%}
    case when held_back >= 0.5 then format('held back by {:.1f} while the account is new', held_back) end
{%- endmacro %}


{# 95 % between 35 and 41; with a decimal where whole numbers would show no width. #}
{% macro explained_interval() -%}
    case
        when score_high - score_low < 2 then format('95 % between {:.1f} and {:.1f}', score_low, score_high)
        else format('95 % between {:.0f} and {:.0f}', score_low, score_high)
    end
    || case when evidence < 3 then ', on thin evidence' else '' end
{%- endmacro %}


{# Why there is no score. #}
{% macro explained_absence() -%}
    'No score: '
    || case unscored_reason
        when 'never_acted' then 'the account never did anything itself, and nobody is profiled through others'
        when 'objection' then 'there is an objection that is not answered yet'
        when 'under_18' then 'the person is known to be under 18'
        when 'no_legal_basis' then 'there is no legal basis for one'
        else coalesce(replace(unscored_reason, '_', ' '), 'the reason is not known')
    end
{%- endmacro %}
