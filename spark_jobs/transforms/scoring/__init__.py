"""The scoring model's steps on arrays, and the Spark transforms that carry them.

Read `network_day` for steps 1 to 7 (one network, one day), `person_day` for steps 8 and 9, and
`network_task` and `person_task` for how rows become arrays and back.
"""
