"""The versioned JSON documents that the parts of mlsteps hand to each other.

Plain frozen data; no I/O; standard library only; Python 3.7. Every package may import these and they import none.

* :mod:`.arguments`  command-line arguments as structure, not text
* :mod:`.graph`      ``PipelineGraph`` and its nodes
* :mod:`.dataset`    a dataset's definition
* :mod:`.spec`       ``StepSpec``: all a runner needs; ``StepResult``: what it answers
* :mod:`.manifest`   ``OutputManifest``: the files of one output
* :mod:`.record`     ``StepRecord``: one finished step that may be used again
"""
