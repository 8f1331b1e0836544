"""A folder for ``sys.path``: it holds packages named ``azureml`` and ``azureml_user``, see ``mlsteps.azureml``."""
