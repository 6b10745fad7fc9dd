{# An end of the 95 % interval of a rate (Wilson, 1927): side is '-' for the lower and '+' for the upper one. Null without
   trials. 3.841459 is the square of 1.959964. #}
{% macro wilson_bound(successes, trials, side) -%}
    -- greatest() and least() pass over nulls, so these are kept from them.
    case
        when {{ trials }} > 0 and {{ successes }} is not null
            then
                greatest(
                    0,
                    least(
                        1,
                        ({{ successes }} + 3.841459 / 2
                        {{ side }} 1.959964 * sqrt(
                            {{ successes }} * (1 - {{ successes }} / {{ trials }}) + 3.841459 / 4
                        )) / ({{ trials }} + 3.841459)
                    )
                )
    end
{%- endmacro %}
