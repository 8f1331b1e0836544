"""Files of remote stores as a folder of this machine that is read on demand (FUSE).

A process of its own serves each mount (:mod:`.serve`), started by whoever wants it (:mod:`.mount`), with that one's
interpreter: what it needs beyond the standard library (``mfusepy`` and the stores' drivers) is never looked for in a
step's environment. It ends, and the mount with it, when whoever started it does.
"""
