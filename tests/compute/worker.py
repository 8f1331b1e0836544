"""A worker in a process of its own: takes over what an earlier try has left behind, or runs the step."""

from __future__ import annotations

import json
import sys

from mlsteps.compute.choose import choose
from mlsteps.contracts.spec import StepSpec
from mlsteps.registry.workspaces import open_workspace


def main() -> None:
    told = json.load(sys.stdin)
    target = choose(open_workspace({"root": told["root"]}), None, told["settings"])
    spec = target.left_behind(told["task"], told["content"])
    if spec is None:
        spec = StepSpec.from_json({**told["spec"], "interpreter": target.prepare(told["environment"], print)})
    result = target.run(spec, {}, on_line=lambda line: print(line, flush=True))
    with open(told["answer"], "w", encoding="utf-8") as file:
        json.dump({"spec": spec.to_json(), "result": result.to_json()}, file)


if __name__ == "__main__":
    main()
