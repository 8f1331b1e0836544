"""What of the SDK is there: every name is supported, accepted and ignored, or refused.

* :mod:`.facts`       the SDK's interface: names, signatures, bases (``api.json``)
* :mod:`.names`       which path of the SDK leads to which object of mlsteps
* :mod:`.signatures`  are two signatures the same?
* :mod:`.source`      what mlsteps' own code says: refuses always, does nothing, never reads a parameter
* :mod:`.status`      which of the three a name is, from all of that and ``reasons.json``
* :mod:`.types`       what calling or reading a name gives, from mlsteps' own annotations
* :mod:`.page`        docs/compatibility.md, written by ``python -m mlsteps.compatibility``
"""
