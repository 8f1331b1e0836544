"""Where data lies and how it moves: stores, the workspace's documents, digests, snapshots, datasets' files, transfer.

* :mod:`.base`, :mod:`.open`   what a store is; the store of a URL or a datastore
  (:mod:`.local`, :mod:`.remote`, :mod:`.smb`, :mod:`.http`; :mod:`.relayed` in a step)
* :mod:`.workspace_store`      JSON documents below a workspace's root
* :mod:`.digests`              what a local tree holds, without reading unchanged files again
* :mod:`.snapshots`            source directories, content-addressed
* :mod:`.datasets`             a dataset's definition -> its files and their content identity
* :mod:`.transfer`             trees and lists of files between this machine and a store; verification
* :mod:`.copying`              files from any store to any store

Standard library only; fsspec and pathspec are imported where they are used.
"""
