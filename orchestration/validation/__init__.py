"""Does a score foretell, and what would another model say: numbers beside the scores, never inside them.

`measures` is arithmetic on arrays, `agreement` compares two lists of scores, `baseline` keeps a month-end's
rival predictors in the lake. Nothing here is read by the scoring job.
"""
