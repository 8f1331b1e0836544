"""The Docker engine of a target: its client, made by Airflow's ``DockerHook``, and its errors as ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlsteps.compute.placement import DockerOptions
from mlsteps.errors import AzureMLException, InvalidInput

if TYPE_CHECKING:
    from docker import APIClient

DEFAULT_URL = "unix:///var/run/docker.sock"
#: Seconds that one request may take; streams are not held to it.
TIMEOUT = 120


class EngineError(AzureMLException):
    """The engine does not answer, or refuses; another try may help.

    :param status: of the engine's answer; None when there was none.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Engine:
    """One engine. A client is for one thread: :meth:`another` gives more."""

    def __init__(self, options: DockerOptions) -> None:
        self._options = options
        self._others: list[APIClient] = []
        self.url = options.docker_url or os.environ.get("DOCKER_HOST") or DEFAULT_URL

    @cached_property
    def client(self) -> APIClient:
        """The client of the thread that runs the step, logged in to the registry that ``docker_conn_id`` names.

        :raises EngineError: when the engine cannot be reached.
        """
        hook = _hook_class()
        with self.told("cannot be used"):
            conn_id = self._options.docker_conn_id
            made = hook(docker_conn_id=conn_id, base_url=self.url, tls=self._tls(), version="auto", timeout=TIMEOUT)
            return made.api_client

    def another(self) -> APIClient:
        """One more client, for another thread or a signal handler; not logged in."""
        from docker import APIClient

        with self.told("cannot be used"):
            made = APIClient(base_url=self.url, tls=self._tls() or False, version=self.client.api_version)
        self._others.append(made)
        return made

    def close(self) -> None:
        """Close all connections; what is asked later opens new ones."""
        made = self.__dict__.get("client")  # not one that would only be made now
        for client in (*([made] if made is not None else ()), *self._others):
            client.close()
        self._others.clear()

    def variables(self) -> dict[str, str]:
        """What the ``docker`` program finds this engine by."""
        found = {"DOCKER_HOST": self.url}
        if self._options.tls_ca_cert:
            folder = os.path.dirname(self._options.tls_ca_cert)
            found.update(DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH=folder)
        return found

    @property
    def is_encrypted(self) -> bool:
        """Whether the way to the engine is TLS."""
        return bool(self._tls())

    def _tls(self) -> Any:
        options = self._options
        files = (options.tls_ca_cert, options.tls_client_cert, options.tls_client_key)
        folder = os.environ.get("DOCKER_CERT_PATH")
        if not any(files) and folder and os.environ.get("DOCKER_TLS_VERIFY"):
            files = tuple(os.path.join(folder, name) for name in ("ca.pem", "cert.pem", "key.pem"))  # type: ignore[assignment]
        return self._by_its_own_authority(_hook_class().construct_tls_config(*files)) if all(files) else False

    def _by_its_own_authority(self, made: Any) -> Any:
        """Requests would take a ``REQUESTS_CA_BUNDLE`` of the worker in place of the engine's own authority."""
        from requests.utils import get_environ_proxies

        configure = made.configure_client

        def configure_client(client: Any) -> None:
            configure(client)
            client.trust_env = False
            client.proxies.update(get_environ_proxies(self.url.replace("tcp://", "https://", 1)))

        made.configure_client = configure_client
        return made

    @property
    def may_share_files(self) -> bool:
        """Whether it is worth finding out if the engine sees this machine's files."""
        said = os.environ.get("MLSTEPS_DOCKER_SHARED", "")
        return self.url.startswith("unix://") if said == "" else said != "0"

    @contextmanager
    def told(self, what: str) -> Iterator[None]:
        """Have the engine's errors come out as :class:`EngineError`.

        :param what: goes on after "The Docker engine at ...".
        """
        import requests
        from docker.errors import APIError, DockerException

        try:
            yield
        except APIError as error:
            text = error.explanation or str(error)
            raise EngineError(f"The Docker engine at {self.url} {what}: {text}", error.status_code) from error
        except (DockerException, requests.RequestException, _airflow_exception()) as error:
            raise EngineError(f"The Docker engine at {self.url} {what}: {error}") from error


def _hook_class() -> Any:
    try:
        from airflow.providers.docker.hooks.docker import DockerHook
    except ImportError as error:
        raise InvalidInput(
            f"A compute target of kind docker needs Airflow's Docker provider ({error})",
            mend="pip install airflow-provider-mlsteps[docker]",
        ) from error
    return DockerHook


def _airflow_exception() -> type[Exception]:
    from airflow.sdk.exceptions import AirflowException

    return AirflowException
