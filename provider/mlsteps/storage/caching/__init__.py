"""Files of remote stores kept on this machine, so that what many steps download is fetched once.

Below ``$MLSTEPS_HOME/cache/data``::

    files/<aa>/<sha256>.<mtime>   content, read-only; the name says what it must be
    known/<aa>/<key>              names the file of one state of one file of a store
    parts/<key>, <key>.blocks     what has come of a large file, and the digests of its blocks
    parts/<key>.lock              held by whoever fetches it

Anything of it may be removed at any moment, also while steps run: it is fetched again.
"""
