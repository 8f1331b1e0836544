"""Which steps need not run, and why.

* :mod:`.fingerprint`  what makes a step's result, as one digest (pure)
* :mod:`.difference`   what differs between two steps (pure)
* :mod:`.match`        whether a record found by fingerprint fits a step's names (pure)
* :mod:`.contents`     the content identity of what a step reads
* :mod:`.verify`       whether a record's outputs still are what they were
* :mod:`.planner`      decides for a whole graph, or for one step in its own task
* :mod:`.explain`      says it to a person
"""
