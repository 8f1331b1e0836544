"""Files of a run: uploads, downloads, snapshots, models."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Iterable, Mapping, Sequence

from mlsteps.errors import AzureMLException, InvalidInput, ModelPathNotFoundException, UserErrorException

if TYPE_CHECKING:
    from mlsteps.registry.runs import RunStore
    from mlsteps.sdk.experiment import Experiment
    from mlsteps.sdk.model import Model
    from mlsteps.storage.base import Store

#: Folders in the working directory of a running step that become artifacts when it ends.
COLLECTED = ("outputs", "logs")


class RunArtifacts:
    """The methods of a run that move files (SDK: ``azureml.core.Run``)."""

    if TYPE_CHECKING:

        @property
        def id(self) -> str: ...

        @property
        def experiment(self) -> Experiment: ...

        def _runs(self) -> RunStore: ...

        def _source_run_id(self) -> str | None: ...

        def add_properties(self, properties: Mapping[str, Any]) -> None: ...

    def _artifacts(self) -> Store:
        return self._runs().artifacts(self.id)

    def _holder(self, path: str) -> str:
        """Id of the run that has a file or folder: this one, else the one whose results it reuses."""
        source = self._source_run_id()
        if source is None or self._artifacts().kind(path) is not None:
            return self.id
        return source if self._runs().artifacts(source).kind(path) is not None else self.id

    def _reading(self, path: str) -> Store:
        """The store to read a file from; see :meth:`_holder`."""
        return self._runs().artifacts(self._holder(path))

    # Up

    def upload_file(self, name: str, path_or_stream: Any, datastore_name: str | None = None) -> None:
        """Keep a file with the run under ``name`` (``outputs/model.pkl``).

        :param path_or_stream: a path, or a stream opened for reading.
        :param datastore_name: accepted; artifacts lie with the workspace.
        :raises AzureMLException: when the name holds another content already; artifacts do not change.
        """
        if hasattr(path_or_stream, "read"):
            self._upload_stream(name, path_or_stream)
            return
        path = os.fspath(path_or_stream)
        if not os.path.isfile(path):
            raise UserErrorException(f"The file {path!r}, to be uploaded as {name!r}, does not exist.")
        self._upload(name, path)

    def upload_files(
        self,
        names: Sequence[str],
        paths: Sequence[str],
        return_artifacts: bool = False,
        timeout_seconds: int | None = None,
        datastore_name: str | None = None,
    ) -> Any:
        """Keep several files, each under its name.

        :returns: with ``return_artifacts`` the addresses by name.
        """
        if isinstance(names, str) or isinstance(paths, str) or len(names) != len(paths):
            raise InvalidInput("names and paths do not pair", expected="two lists of one length")
        for name, path in zip(names, paths):
            self.upload_file(name, path)
        return {name: self._address(artifact_name(name)) for name in names} if return_artifacts else None

    def upload_folder(self, name: str, path: str, datastore_name: str | None = None) -> None:
        """Keep all files below a folder, under ``<name>/<path in the folder>``.

        :raises UserErrorException: when the folder does not exist.
        """
        base = os.fspath(path)
        if not os.path.isdir(base):
            raise UserErrorException(f"The folder {base!r}, to be uploaded as {name!r}, does not exist.")
        for folder, _, files in os.walk(base):
            for file in sorted(files):
                whole = os.path.join(folder, file)
                relative = os.path.relpath(whole, base).replace(os.sep, "/")
                self._upload(f"{name}/{relative}" if name else relative, whole)

    def _upload_stream(self, name: str, stream: Any) -> None:
        data = stream.read()
        data = data.encode("utf-8") if isinstance(data, str) else data
        target, store = artifact_name(name), self._artifacts()
        if not store.create(target, data) and store.read(target) != data:
            raise _taken(target, self.id)

    def _upload(self, name: str, path: str) -> None:
        target, store = artifact_name(name), self._artifacts()
        if store.entry(target) is None:
            store.put_file(path, target)
        elif not _same(store, target, path):
            raise _taken(target, self.id)

    def _keep_image(self, file: str, artifact: str) -> str:
        self._upload(artifact, file)
        return self._address(artifact)

    def _address(self, artifact: str) -> str:
        return f"aml://artifactId/ExperimentRun/dcid.{self.id}/{artifact}"

    # Down

    def get_file_names(self) -> list[str]:
        """Names of the run's files; a reused step has those of the run that made its results, too."""
        names = [entry.path for entry in self._artifacts().list()]
        source = self._source_run_id()
        others = [entry.path for entry in self._runs().artifacts(source).list()] if source is not None else []
        return list(dict.fromkeys([*names, *others]))

    def download_file(self, name: str, output_file_path: str | None = None, _validate_checksum: bool = False) -> None:
        """Bring a file of the run here.

        :param output_file_path: a file, or an existing folder (or a path that ends in a slash); by default the same
            name below the current folder.
        :raises UserErrorException: when the run has no such file; names those it has.
        """
        source = artifact_name(name)
        store = self._reading(source)
        if store.entry(source) is None:
            known = ", ".join(self.get_file_names()[:20]) or "none"
            raise UserErrorException(f"The run {self.id} has no file {name!r}. It has: {known}.")
        target = output_file_path or source
        if os.path.isdir(target) or target.endswith(("/", os.sep)):
            target = os.path.join(target, os.path.basename(source))
        os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
        store.get_file(source, target)

    def download_files(
        self,
        prefix: str | None = None,
        output_directory: str | None = None,
        output_paths: Sequence[str] | None = None,
        batch_size: int = 100,
        append_prefix: bool = True,
        timeout_seconds: int | None = None,
    ) -> None:
        """Bring the files whose names begin with ``prefix`` here.

        :param output_directory: where to; default the current folder.
        :param output_paths: instead, one path a file, in the order of :meth:`get_file_names`.
        :param append_prefix: False leaves the prefix out of the local paths.
        """
        names = [name for name in self.get_file_names() if name.startswith(prefix or "")]
        if output_paths is not None:
            if len(output_paths) != len(names):
                raise InvalidInput(f"{len(output_paths)} output_paths are given", expected=f"{len(names)}, one a file")
            targets = list(output_paths)
        else:
            kept = [name if append_prefix or not prefix else _without(name, prefix) for name in names]
            targets = [os.path.join(output_directory or os.curdir, name) for name in kept]
        for name, target in zip(names, targets):
            self.download_file(name, target)

    # Snapshots

    def take_snapshot(self, file_or_folder_path: str) -> str:
        """Keep a folder (or the folder of a file) as the run's snapshot; returns its id."""
        from mlsteps.storage.snapshots import take

        path = os.path.abspath(os.fspath(file_or_folder_path))
        folder = path if os.path.isdir(path) else os.path.dirname(path)
        snapshot = take(folder, self.experiment.workspace._store())
        self.add_properties({"ContentSnapshotId": snapshot.digest})
        return str(snapshot.digest)

    def get_snapshot_id(self) -> str | None:
        """Id of the run's source snapshot, None when it has none."""
        found = self._runs().state(self.id).properties.get("ContentSnapshotId")
        found = found or (self._runs().head(self.id) or {}).get("snapshot")
        return None if found is None else str(found)

    def restore_snapshot(self, snapshot_id: str | None = None, path: str | None = None) -> str:
        """Bring a snapshot here as a zip file; returns its path.

        :param path: folder, default the current one.
        :raises UserErrorException: when the run has no snapshot, or there is none of that id.
        """
        wanted = artifact_name(snapshot_id or self.get_snapshot_id() or "")
        store = self.experiment.workspace._store().store
        if not wanted or store.entry(f"snapshots/{wanted}.zip") is None:
            raise UserErrorException(f"The run {self.id} has no snapshot {wanted!r}.")
        folder = path or os.curdir
        os.makedirs(folder, exist_ok=True)
        target = os.path.join(folder, f"{wanted}.zip")
        store.get_file(f"snapshots/{wanted}.zip", target)
        return target

    # Models

    def register_model(
        self,
        model_name: str,
        model_path: str | None = None,
        tags: Mapping[str, Any] | None = None,
        properties: Mapping[str, Any] | None = None,
        model_framework: str | None = None,
        model_framework_version: str | None = None,
        description: str | None = None,
        datasets: Iterable[Any] | None = None,
        sample_input_dataset: Any = None,
        sample_output_dataset: Any = None,
        resource_configuration: Any = None,
        **kwargs: Any,
    ) -> Model:
        """Register a file or folder of the run as a model.

        :param model_path: name among the run's files, as ``outputs/model.pkl``; default ``model_name``. What a running
            step has in its ``./outputs`` or ``./logs`` counts too.
        :raises ModelPathNotFoundException: when the run has no such file.
        """
        from mlsteps.registry.models import register_artifact
        from mlsteps.sdk.model import Model
        from mlsteps.sdk.model_details import model_details

        path = artifact_name(model_path or model_name)
        self._collect(path)
        workspace = self.experiment.workspace
        details = model_details(
            workspace,
            tags=tags,
            properties=properties,
            model_framework=model_framework,
            model_framework_version=model_framework_version,
            description=description,
            datasets=datasets,
            sample_input_dataset=sample_input_dataset,
            sample_output_dataset=sample_output_dataset,
            resource_configuration=resource_configuration,
        )
        holder = self._holder(path)
        if self._runs().artifacts(holder).kind(path) is None:
            known = ", ".join(self.get_file_names()[:20]) or "none"
            raise ModelPathNotFoundException(
                f"Could not locate the model_path {path!r} among the files of run {self.id}. It has: {known}. "
                "To mend it: upload_file(name, path) first, or write it below ./outputs."
            )
        store = workspace._store()
        return Model._of(workspace, register_artifact(store, model_name, self.id, path, holder=holder, **details))

    def _collect(self, path: str) -> None:
        """Upload what a running step has at ``path`` of a collected folder; a run elsewhere has nothing to collect."""


def artifact_name(name: str) -> str:
    """``name`` as a posix path below the run's files: ``./outputs\\a`` is ``outputs/a``.

    :raises InvalidInput: when it leaves the run's files.
    """
    from mlsteps.storage.base import safe_path

    if not isinstance(name, (str, os.PathLike)):
        raise InvalidInput(f"The name of a file is {name!r}", expected="a text such as 'outputs/model.pkl'")
    text = os.fspath(name).replace(os.sep, "/")
    return safe_path(text.lstrip("/"))


def upload_collected(run: RunArtifacts, directory: str, path: str) -> None:
    """Upload ``directory/path``, when it lies in a collected folder and exists.

    :raises AzureMLException: when a file was uploaded before and has changed since.
    """
    whole = os.path.join(directory, *path.split("/"))
    if path.split("/")[0] not in COLLECTED or not os.path.exists(whole):
        return
    if os.path.isdir(whole):
        run.upload_folder(path, whole)
    else:
        run.upload_file(path, whole)


def _same(store: Store, target: str, path: str) -> bool:
    entry = store.entry(target)
    if entry is None or entry.size != os.path.getsize(path):
        return False
    with open(path, "rb") as mine, store.open(target) as theirs:
        while True:
            block = mine.read(1 << 20)
            if block != theirs.read(1 << 20):
                return False
            if not block:
                return True


def _taken(target: str, run_id: str) -> AzureMLException:
    return AzureMLException(
        f"The run {run_id} has a file {target!r} with another content already; artifacts do not change. "
        "To mend it: choose another name."
    )


def _without(name: str, prefix: str) -> str:
    return name[len(prefix) :].lstrip("/") or os.path.basename(name)
