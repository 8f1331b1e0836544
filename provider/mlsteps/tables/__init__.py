"""Reads tabular datasets: a definition (``contracts.dataset``) to a pandas DataFrame.

    definition -> frame.read -> readers (one file -> columns) -> operations, in order -> DataFrame

* :mod:`.frame`       the whole path
* :mod:`.readers`     delimited text, parquet, JSON lines
* :mod:`.inference`   column types from the first 200 rows of text (pure)
* :mod:`.conversion`  columns of text to typed columns
* :mod:`.partitions`  columns out of paths (pure)
* :mod:`.operations`, :mod:`.filters`   take, keep_columns, filter, ...
* :mod:`.writing`     frames to parquet and CSV files

Runs inside steps with the pandas of the step (1.3 and later, also 2 and 3); imports it when it reads.
"""
