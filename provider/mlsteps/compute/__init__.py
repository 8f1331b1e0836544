"""How the runner is started: beside the worker, in a container, in a pod. One module a kind, one contract.

* :mod:`.base`   the contract
* :mod:`.local`  a process on this machine
"""
