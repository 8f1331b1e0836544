"""The bytes of S3 and Azure Blob objects, moved by obstore where it is installed.

fsspec's drivers make a request in two to four milliseconds of Python, one thread for all; obstore makes one in a tenth
of that, in as many threads as ask. It reads, writes and copies; all else (listing, looking, deleting) stays with the
driver. What it cannot be told (an identity that only the driver knows, an option of the driver's own) the driver does.

* :mod:`.options`  a driver's options in obstore's words, or None
* :mod:`.client`   :class:`~.client.Objects`: one account
* :mod:`.requests` what obstore does not make: Azure's copies, parts of uploads (:mod:`.s3_requests`,
  :mod:`.azure_requests`)
* :mod:`.uploads`  a large object in parts that outlive the process
"""
