"""Files from any store to any store: planned, several at once, verified, resumed after a kill.

    plan.sources / plan.plan  ->  run.copy  ->  OutputManifest

* :mod:`.plan`      which file goes where: the rules of ``DataTransferStep``
* :mod:`.run`       the copies, and what is kept so that none is made twice
* :mod:`.ledger`    what an interrupted transfer has moved and verified already
* :mod:`.progress`  files, bytes, rate, what is left
"""
