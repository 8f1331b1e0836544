"""An ``Environment`` document becomes a Python interpreter with its packages, cached by content.

* :mod:`.identity`         what of a document counts for a fingerprint
* :mod:`.conda_to_pip`     a conda specification as pip requirements (:mod:`.conda_spec`, :mod:`.conda_names`,
  :mod:`.azureml_packages` and :mod:`.pip_options` are its parts)
* :mod:`.conda_solver`     what pip cannot provide, from conda's channels
* :mod:`.python_versions`  which Python on this machine serves the one asked for
* :mod:`.virtual`          ``prepare``: the virtual environment, made once and found again within milliseconds
* :mod:`.drivers`          storage drivers for a runner in an image that has none
* :mod:`.unused`           what is kept here, and when it was last of use
* :mod:`.image`            the same as an image: a Dockerfile and what it wants (:mod:`.image_scripts`)
"""
