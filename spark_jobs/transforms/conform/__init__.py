"""Conform: what was delivered becomes rows that keep their contract, and every row is accounted for.

Frames go through these steps, each a module:

    cells          one column a contract field, as delivered: text of JSON lines and CSV, types of Parquet
    values         SQL that reads a cell as the contract's type, and says when it cannot
    rules          SQL of the contract's row rules, in one fixed order
    judging        the rows with their fate so far: accepted, quarantined (with one reason), or a blank line;
                   where the contract says `leftEmpty`, a broken value costs that value and not the row
    suppression    who is erased, from which day to which; their rows are counted and not kept
    duplicates     the first row of a key wins, within the range and against the last 90 days
    topics         a reaction without topics takes those of its content
    follows        a follow that stands already is a duplicate; which follows stand at a day's end
    positions      line numbers of refused rows
    counting       received = accepted + quarantined + duplicates + suppressed
    local          the last steps of tables that fit into memory, on Arrow

A range of days goes through at once, and the result is that of one day after the other: every rule that looks
back asks for the day a row was delivered on. Nothing depends on how Spark cuts its partitions.

The rules are SQL text, not chains of column calls: a contract with 14 columns has some 80 of them, and
each call is a round trip to the JVM, which for a small day costs more than the work.
"""
