"""``Model``: registered models."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Mapping, Sequence

from mlsteps.errors import ModelNotFoundException, UserErrorException, WebserviceException
from mlsteps.sdk.model_deployment import ModelDeployment
from mlsteps.sdk.model_details import (
    CACHE,
    COMPLETE,
    cached_version,
    dataset_pairs,
    model_details,
    tag_filter,
    texts,
    workspace_at_hand,
)

if TYPE_CHECKING:
    from mlsteps.sdk.run import Run
    from mlsteps.sdk.workspace import Workspace


class NoSuchModel(WebserviceException, ModelNotFoundException):
    """There is no such model; SDK code catches it by either name."""


class Model(ModelDeployment):
    """A registered model.

    :param name: the newest version of this name; :param id: ``name:version``; the other arguments narrow the choice.
    :raises WebserviceException: when no model fits, as in the SDK.
    """

    def __init__(
        self,
        workspace: Workspace,
        name: str | None = None,
        id: str | None = None,
        tags: Any = None,
        properties: Any = None,
        version: int | str | None = None,
        run_id: str | None = None,
        model_framework: str | None = None,
        expand: bool = True,
        **kwargs: Any,
    ) -> None:
        from mlsteps.registry import models

        filters = {
            "tags": tag_filter(tags),
            "properties": tag_filter(properties),
            "run_id": run_id,
            "model_framework": model_framework,
        }
        try:
            document = models.get(
                workspace._store(),
                name,
                id=id,
                version=version,
                **{key: value for key, value in filters.items() if value is not None},
            )
        except ModelNotFoundException as error:
            raise NoSuchModel(str(error), status_code=404) from error
        self._fill(workspace, document)

    @classmethod
    def _of(cls, workspace: Workspace, document: Mapping[str, Any]) -> Model:
        model = cls.__new__(cls)
        model._fill(workspace, document)
        return model

    def _fill(self, workspace: Workspace, document: Mapping[str, Any]) -> None:
        import datetime

        self.workspace = workspace
        self._document = dict(document)
        self.id = document["id"]
        self.name = document["name"]
        self.version = document["version"]
        self.description = document.get("description")
        self.tags: Dict[str, Any] = dict(document.get("tags") or {})
        self.properties: Dict[str, Any] = dict(document.get("properties") or {})
        self.model_framework = document.get("model_framework")
        self.model_framework_version = document.get("model_framework_version")
        self.created_by = document.get("created_by")
        self.created_time = datetime.datetime.fromtimestamp(document["created"], datetime.timezone.utc)
        self.experiment_name = document.get("experiment")
        self.run_id = document.get("run_id")
        self.mime_type = "application/x-python"
        self.unpack = not document.get("is_file", True)
        self.url = f"aml://asset/{document['id']}"
        self.sample_input_dataset = document.get("sample_input_dataset")
        self.sample_output_dataset = document.get("sample_output_dataset")
        self.resource_configuration = document.get("resource_configuration")

    @property
    def run(self) -> Run | None:
        """The run it was registered from."""
        return None if self.run_id is None else self.workspace.get_run(self.run_id)

    @property
    def datasets(self) -> Dict[str, List[Any]]:
        """The datasets it was registered with, by scenario (``training``, ...)."""
        from mlsteps.sdk.dataset import Dataset

        found: Dict[str, List[Any]] = {}
        for scenario, dataset_id in self._document.get("datasets") or ():
            found.setdefault(scenario, []).append(Dataset.get_by_id(self.workspace, dataset_id))
        return found

    # In the registry

    @staticmethod
    def register(
        workspace: Workspace,
        model_path: str | os.PathLike[str],
        model_name: str,
        tags: Mapping[str, Any] | None = None,
        properties: Mapping[str, Any] | None = None,
        description: str | None = None,
        datasets: Iterable[Any] | None = None,
        model_framework: str | None = None,
        model_framework_version: str | None = None,
        child_paths: Sequence[str] | None = None,
        sample_input_dataset: Any = None,
        sample_output_dataset: Any = None,
        resource_configuration: Any = None,
    ) -> Model:
        """Register a local file or folder; every call makes a new version.

        :param datasets: pairs of a scenario and a Dataset.
        :param child_paths: of a folder, only these.
        :raises ModelPathNotFoundException: when there is no such file or folder.
        """
        from mlsteps.registry import models

        details = model_details(
            workspace,
            tags=tags,
            properties=properties,
            description=description,
            datasets=datasets,
            model_framework=model_framework,
            model_framework_version=model_framework_version,
            sample_input_dataset=sample_input_dataset,
            sample_output_dataset=sample_output_dataset,
            resource_configuration=resource_configuration,
        )
        print(f"Registering model {model_name}")
        document = models.register(
            workspace._store(), model_name, os.fspath(model_path), child_paths=child_paths, **details
        )
        return Model._of(workspace, document)

    @staticmethod
    def list(
        workspace: Workspace,
        name: str | None = None,
        tags: Any = None,
        properties: Any = None,
        run_id: str | None = None,
        latest: bool = False,
        dataset_id: str | None = None,
        expand: bool = True,
        page_count: int = 255,
        model_framework: str | None = None,
    ) -> List[Model]:
        """Models that fit all of the filters, newest first; none is an empty list.

        :param tags: each ``"key"`` or ``["key", "value"]``; so, too, ``properties``.
        """
        from mlsteps.registry import models

        found = models.list_models(
            workspace._store(),
            name,
            tag_filter(tags),
            tag_filter(properties),
            run_id,
            latest,
            dataset_id,
            model_framework,
        )
        return [Model._of(workspace, document) for document in found]

    @staticmethod
    def get_model_path(model_name: str, version: int | str | None = None, _workspace: Workspace | None = None) -> str:
        """The local path of a model: a file for a model of one file, else a folder.

        Looked for in ``azureml-models/<name>/<version>``, in the workspace (of the running step, else the one
        given or configured), and last as ``./<name>``.

        :raises ModelNotFoundException: when it is nowhere.
        """
        workspace = _workspace or workspace_at_hand()
        if workspace is not None:
            try:
                model = Model(workspace, model_name, version=version)
            except WebserviceException:
                model = None
            if model is not None:
                return model._cached()
        cached = cached_version(model_name, version)
        if cached is not None:
            return cached
        if os.path.exists(model_name):
            return model_name
        raise ModelNotFoundException(
            f"Model {model_name!r}{'' if version is None else f' version {version}'} was not found in "
            f"{CACHE}, in {workspace.name if workspace else 'no workspace'}, or as a path here."
        )

    def download(self, target_dir: str = ".", exist_ok: bool = False, exists_ok: bool | None = None) -> str:
        """Bring the model's files into a folder; returns the path of the file, or of the folder, it is made of.

        :raises WebserviceException: when a file is there already and ``exist_ok`` is off.
        """
        from mlsteps.registry import models

        allowed = exist_ok if exists_ok is None else exists_ok
        try:
            return models.download(self.workspace._store(), self.name, self.version, target_dir, allowed)
        except UserErrorException as error:
            raise WebserviceException(str(error)) from error

    def _cached(self) -> str:
        folder = os.path.join(CACHE, self.name, str(self.version))
        path, marker = os.path.join(folder, self._document["path"]), os.path.join(folder, COMPLETE)
        # A number may mean another model in another workspace; the time of registration tells them apart.
        identity = f"{self.id} {self._document['created']}"
        if os.path.isfile(marker):
            with open(marker, encoding="utf-8") as stream:
                if stream.read() == identity:
                    return path
        self.download(folder, exist_ok=True)
        with open(f"{marker}.partial", "w", encoding="utf-8") as stream:
            stream.write(identity)
        os.replace(f"{marker}.partial", marker)
        return path

    # Changes

    def update(
        self,
        tags: Mapping[str, Any] | None = None,
        description: str | None = None,
        sample_input_dataset: Any = None,
        sample_output_dataset: Any = None,
        resource_configuration: Any = None,
    ) -> None:
        """Replace tags, description and the others given."""
        self._change(
            **model_details(
                self.workspace,
                tags=tags,
                description=description,
                sample_input_dataset=sample_input_dataset,
                sample_output_dataset=sample_output_dataset,
                resource_configuration=resource_configuration,
            )
        )

    def update_tags_properties(
        self,
        add_tags: Mapping[str, Any] | None = None,
        remove_tags: Iterable[str] | None = None,
        add_properties: Mapping[str, Any] | None = None,
    ) -> None:
        """Change tags and add properties at once.

        :raises UserErrorException: for a property that has another value already.
        """
        gone = set(remove_tags or ())
        tags = {**{key: value for key, value in self.tags.items() if key not in gone}, **texts(add_tags)}
        for key, value in texts(add_properties).items():
            if self.properties.get(key, value) != value:
                raise UserErrorException(f"The property {key!r} is {self.properties[key]!r}; properties do not change.")
        self._change(tags=tags, properties={**self.properties, **texts(add_properties)})

    def add_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags; others stay."""
        self.update_tags_properties(add_tags=tags)

    def remove_tags(self, tags: Iterable[str]) -> None:
        """Remove tags by key."""
        self.update_tags_properties(remove_tags=[tags] if isinstance(tags, str) else tags)

    def add_properties(self, properties: Mapping[str, Any]) -> None:
        """Add properties; what is there does not change."""
        self.update_tags_properties(add_properties=properties)

    def add_dataset_references(self, datasets: Iterable[Any]) -> None:
        """Add pairs of a scenario and a Dataset."""
        self._change(datasets=[*(self._document.get("datasets") or ()), *dataset_pairs(datasets, self.workspace)])

    def _change(self, **changes: Any) -> None:
        from mlsteps.registry import models

        self._fill(self.workspace, models.update(self.workspace._store(), self.name, self.version, **changes))

    def delete(self) -> None:
        """Delete this version and its files."""
        from mlsteps.registry import models

        models.delete(self.workspace._store(), self.name, self.version)

    def serialize(self) -> Dict[str, Any]:
        """The model as JSON data, under the SDK's keys."""
        return {
            "createdTime": self.created_time.isoformat(),
            "createdBy": self.created_by,
            "description": self.description,
            "id": self.id,
            "mimeType": self.mime_type,
            "name": self.name,
            "framework": self.model_framework,
            "frameworkVersion": self.model_framework_version,
            "tags": dict(self.tags),
            "properties": dict(self.properties),
            "unpack": self.unpack,
            "url": self.url,
            "version": self.version,
            "experimentName": self.experiment_name,
            "runId": self.run_id,
        }

    @staticmethod
    def deserialize(workspace: Workspace, model_payload: Mapping[str, Any]) -> Model:
        """The model that :meth:`serialize` described."""
        return Model(workspace, id=model_payload["id"])

    def get_sas_urls(self) -> Dict[str, str]:
        """Addresses of the model's files by name, without signatures."""
        store = self.workspace._store().store
        base = f"models/{self.name}/{self.version}/files"
        return {name: store.url_of(f"{base}/{name}") for name in self._document["files"]}

    def __repr__(self) -> str:
        return f"Model(workspace={self.workspace!r}, name={self.name}, id={self.id}, version={self.version})"
