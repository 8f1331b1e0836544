"""The image of a step's pod: named by its environment, built by the workers' Docker engine, kept in a registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from mlsteps.compute import inside
from mlsteps.compute.base import Report
from mlsteps.compute.kubernetes_status import Trouble
from mlsteps.compute.placement import DockerOptions, KubernetesOptions
from mlsteps.environments.image import ImagePlan
from mlsteps.environments.image import plan as plan_of
from mlsteps.errors import RunConfigurationException


class Image(NamedTuple):
    """An image by the name that nodes know it by, and the Python that steps run with there."""

    name: str
    python: str


def have(options: KubernetesOptions, environment: Mapping[str, Any] | None, report: Report) -> Image:
    """The image of an environment; one that has to be built is in the registry afterwards.

    :raises InvalidInput: for something in the environment that cannot be had.
    :raises RunConfigurationException: when it cannot be built, or not be kept.
    """
    if options.image:
        return Image(options.image, "python")
    plan = plan_of(environment, base_image=options.base_image, base_images=options.base_images)
    if not plan.digest:
        return Image(plan.base, plan.python)
    engine_options = _engine_options(options)
    name = f"{options.registry}/{plan.name}" if options.registry else plan.name
    if options.build == "docker":
        _build(engine_options, plan, name, report)
    return Image(name, plan.python)


def _engine_options(options: KubernetesOptions) -> DockerOptions:
    return DockerOptions(
        docker_url=options.docker_url,
        docker_conn_id=options.docker_conn_id,
        base_image=options.base_image,
        base_images=options.base_images,
        registry=options.registry,
    )


def _build(options: DockerOptions, plan: ImagePlan, name: str, report: Report) -> None:
    from mlsteps.compute import docker_build
    from mlsteps.compute.docker_engine import Engine, EngineError

    engine = Engine(options)
    try:
        if options.registry and docker_build.is_kept(engine, name):
            return
        docker_build.have(engine, plan, options, report)
        if options.registry and not docker_build.is_kept(engine, name):
            docker_build.push(engine, plan, options, report)
    except EngineError as error:
        raise RunConfigurationException(
            f"The image {name} cannot be made ready for the cluster. {error.message} Give the workers a Docker "
            "engine (docker_url) and a login that may push (docker_conn_id), or make the image elsewhere and set "
            "build to 'never'."
        ) from error
    finally:
        engine.close()


def told(trouble: Trouble, image: str, python: str) -> Trouble:
    """A container that could not start, in words that help when it was for want of that Python."""
    if not trouble.no_program:
        return trouble
    return trouble._replace(
        message=f"The image {image} has no {python!r}, which the step has to run with. Expected "
        f"an image with Python {'.'.join(map(str, inside.OLDEST))} or newer on its PATH, or "
        f"python.interpreter_path of the environment to say where it is. {trouble.message}"
    )
