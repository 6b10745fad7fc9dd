"""Arguments of the commands that come in groups, a module a group. The work is imported when it is done."""
