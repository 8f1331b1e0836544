"""Where steps run: beside the worker or in a container. One contract, one module a kind; what is shared stands apart.

* :mod:`.base`       the contract
* :mod:`.choose`     from a compute target's name to its kind;  :mod:`.placement` what may be said of a kind
* :mod:`.vm_sizes`   what Azure's VM sizes have
* :mod:`.local`      a process on this machine;  :mod:`.scratch` its work directories
* :mod:`.docker`     a container;  :mod:`.docker_engine`, :mod:`.docker_image`, :mod:`.docker_container` how it is made,
  :mod:`.docker_output`, :mod:`.docker_files`, :mod:`.docker_left` what goes in and out, and what a killed worker leaves
* :mod:`.asked`      what a step asks of its machine;  :mod:`.files` its files to a keeper (:mod:`.keeper`) and back
* :mod:`.inside`     what is put beside any image;  :mod:`.places` folders that a step works on,  :mod:`.carried` and
  :mod:`.tar` how they get to a machine that does not see them
* :mod:`.lines`      bytes as lines
"""
