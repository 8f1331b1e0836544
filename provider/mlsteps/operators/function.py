"""``@task.mlsteps``: a Python function of a DAG file that runs as a step."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.bases.decorator import DecoratedOperator, TaskDecorator, task_decorator_factory

from mlsteps.errors import InvalidInput
from mlsteps.operators import function_source
from mlsteps.operators.authored import AuthoredOperator
from mlsteps.sdk.pipeline_data import PipelineData

if TYPE_CHECKING:
    from airflow.sdk import Context

    from mlsteps.sdk.steps.base import PipelineStep

#: The output that holds what the function returns.
RETURNED = "returned"
#: XCom of what other steps need to know of this one; ``return_value`` is what the function returns. Each key of a
#: dictionary that it returns may be an XCom, too: none of them has this name.
RESULT_KEY = "_mlsteps_step"
_OWN = ("source_directory", "arguments")


class FunctionOperator(DecoratedOperator, AuthoredOperator):  # type: ignore[misc]
    """Runs a function in the environment and on the compute target of a step; reuses what it returned and wrote while
    its source, its arguments and the content of its data stay the same.

    Data among the arguments (datasets, ``PipelineData``, output configurations, other operators' ``outputs[name]``)
    reach the function as local paths; everything else as JSON.

    :param python_callable: whole by itself: it imports what it needs, and uses nothing of the DAG file.
    :param op_args: (templated) :param op_kwargs: (templated)
    :param kwargs: as for :class:`.python_script.PythonScriptOperator`, less ``script_name``, ``source_directory`` and
        ``arguments``.
    :raises InvalidInput: when the DAG file is read, for a function that takes something from around it.
    """

    custom_operator_name = "@task.mlsteps"
    result_key = RESULT_KEY
    template_fields: Sequence[str] = (
        *DecoratedOperator.template_fields,
        *(name for name in AuthoredOperator.template_fields if name not in _OWN),
    )
    template_fields_renderers = {**AuthoredOperator.template_fields_renderers, "op_args": "py", "op_kwargs": "py"}
    shallow_copy_attrs: Sequence[str] = (*AuthoredOperator.shallow_copy_attrs, "python_callable")

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        outputs: Any = None,
        **kwargs: Any,
    ) -> None:
        wrong = sorted({"script_name", *_OWN} & set(kwargs))
        if wrong:
            raise InvalidInput(f"@task.mlsteps is given {wrong[0]}", expected="a function, which is its own source")
        function_source.check(python_callable)
        super().__init__(
            python_callable=python_callable,
            op_args=op_args,
            op_kwargs=op_kwargs,
            outputs=[*(outputs or ()), PipelineData(RETURNED, is_directory=False)],
            **kwargs,
        )

    def data_arguments(self) -> list[Any]:
        """Where data objects may stand."""
        return [*self.op_args, *self.op_kwargs.values()]

    def sdk_step(self) -> PipelineStep:
        """The SDK's step with the rendered arguments."""
        from mlsteps.sdk.steps.python_script import PythonScriptStep

        return PythonScriptStep(
            script_name=function_source.SCRIPT_NAME,
            name=self.task_id,
            arguments=self._command(),
            compute_target=self.compute_target,
            runconfig=self.run_configuration(),
            inputs=self.inputs,
            outputs=self.declared_outputs,
            params=self.parameters,
            source_directory=function_source.folder_of(self.python_callable),
            allow_reuse=self.allow_reuse,
            version=self.version,
        )

    def execute(self, context: Context) -> Any:
        """What the function returns, or returned when it last ran with the same arguments and data."""
        return self._answered(context, AuthoredOperator.execute(self, context))

    def resume(
        self, context: Context, event: Mapping[str, Any] | None = None, kept: Mapping[str, Any] | None = None
    ) -> Any:
        """The same, after the task was deferred."""
        return self._answered(context, AuthoredOperator.resume(self, context, event, kept))

    def _answered(self, context: Context, result: Mapping[str, Any]) -> Any:
        context["ti"].xcom_push(key=RESULT_KEY, value=result)
        return self._returned(result["outputs"][RETURNED])

    def _command(self) -> list[Any]:
        values, data = {}, []
        for name, value in self._bound().items():
            if _is_data(value):
                data += ["--data", name, value]
            else:
                values[name] = value
        returned = self.declared_outputs[-1]
        common = ["--function", self.python_callable.__name__, "--values", _as_json(self.task_id, values)]
        return [*common, "--returned", returned, *data]

    def _bound(self) -> dict[str, Any]:
        """The arguments by name.

        :raises InvalidInput: for one without a value. Airflow would give ``ds`` and the like to a function of its own.
        """
        signature = inspect.signature(self.python_callable)
        try:
            return dict(signature.bind(*self.op_args, **self.op_kwargs).arguments)
        except TypeError as error:
            raise InvalidInput(
                f"{self.python_callable.__name__}() cannot be called: {error}",
                expected="a value for each parameter: a step has no Airflow context",
                mend='pass templates, such as day="{{ ds }}"',
            ) from error

    def _returned(self, output: Mapping[str, Any]) -> Any:
        from mlsteps.hooks.mlsteps import resolve_reference
        from mlsteps.registry.credentials import load_credentials
        from mlsteps.registry.documents import get_datastore
        from mlsteps.registry.workspaces import open_workspace
        from mlsteps.storage.open import open_datastore

        ws = open_workspace(resolve_reference(self.workspace_reference(), self.mlsteps_conn_id))
        document = get_datastore(ws, output["datastore"])
        store = open_datastore(document, load_credentials(document.get("connection")))
        return json.loads(store.read(output["path"]))


def mlsteps_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """``@task.mlsteps(...)``: the decorated function, called in a DAG, is a :class:`FunctionOperator`.

    :param kwargs: of the operator.
    """
    return task_decorator_factory(python_callable=python_callable, decorated_operator_class=FunctionOperator, **kwargs)


def _is_data(value: Any) -> bool:
    return any(hasattr(value, name) for name in ("_input_request", "_output_request"))


def _as_json(task_id: str, values: Mapping[str, Any]) -> str:
    try:
        return json.dumps(values, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"An argument of {task_id!r} is no JSON: {error}",
            expected="plain values, or data objects that are arguments themselves and not inside of others",
        ) from error
