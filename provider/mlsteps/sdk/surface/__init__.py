"""The SDK's import surface: which module path and name leads where, and which are refused.

* :mod:`.supported`  module path -> names and their homes in mlsteps
* :mod:`.refused`    names and packages that import and fail when used, each with a reason and an alternative
* :mod:`.modules`    makes importable modules of both, each name loaded when first asked for
"""
