"""Reads tabular datasets: a definition (``contracts.dataset``) to a pandas DataFrame.

    definition -> frame.batches -> sources, readers (one file -> pieces) -> operations, in order -> DataFrames

* :mod:`.frame`       the whole path, piece by piece (``batches``) or joined (``read``)
* :mod:`.sources`     a file as its reader sees it: only what is read of it is asked for
* :mod:`.readers`     parquet, JSON lines; :mod:`.delimited` text; :mod:`.queries` of databases
* :mod:`.inference`   column types from the first 200 rows of text (pure)
* :mod:`.conversion`  columns of text to typed columns
* :mod:`.partitions`  columns out of paths (pure)
* :mod:`.operations`, :mod:`.filters`   take, keep_columns, filter, ...
* :mod:`.writing`     pieces to parquet and CSV files

Runs inside steps with the pandas of the step (1.3 and later, also 2 and 3); imports it when it reads.
"""
