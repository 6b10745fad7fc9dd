{# The score of a contact in one sentence, from score, interval, change_7d and part (the largest one); null without a
   score. Wherever a score is shown, it is said what it measures. #}
{% macro score_sentence() -%}
    case
        when score is not null
            then
                format('Influence {:.0f} of 100', score)
                || coalesce(format(' (likely {:.0f} to {:.0f})', score_low, score_high), '')
                || case
                    when change_7d is null then ''
                    when abs(change_7d) < 0.5 then ', steady over the last 7 days'
                    when change_7d > 0 then format(', up {:.1f} points in 7 days', change_7d)
                    else format(', down {:.1f} points in 7 days', -change_7d)
                end
                || coalesce(
                    '; the largest part comes from '
                    || case part.part
                        when 'like' then 'likes'
                        when 'repost' then 'reposts'
                        when 'quote' then 'quotes'
                        when 'reply' then 'replies'
                        when 'mention' then 'mentions'
                    end
                    || coalesce(' on ' || part.network, ''),
                    ''
                )
                || '. It measures attention, not approval and not worth.'
    end
{%- endmacro %}
