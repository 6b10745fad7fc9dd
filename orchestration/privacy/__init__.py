"""Getting out: what people ask for about their own data, and how it is carried out.

asking     a request is written down, and lands as one of the raw lake's sources
people     whose accounts and contacts belong together
marks      who is erased, as the lake remembers it: salted hashes
subjects   which rows of a table speak of somebody who is marked
cleaning   the lake's tables and the raw files without them
raw_files  one raw file without them; answers  one answer of a web API
reporting  what was done in each place, also by a step that was killed
carry_out  the step of the daily run
held       all that is held on a person; page  the same to read
"""

PRIVACY_TABLES = ("erased_mark", "privacy_extension", "privacy_report")
"""The lake's tables that this step writes."""
