"""Follows a program's names from its imports: what is of the SDK, and of which class. The program is never run.

Types come from imports, constructor calls, and what the SDK's methods give (:mod:`.types`); a program's own functions
by what they return. Where a type is not known nothing is said.
"""

from __future__ import annotations

import ast
from typing import Mapping

from mlsteps.compatibility import names, types
from mlsteps.compatibility.types import Type
from mlsteps.compatibility.usage import Uses
from mlsteps.sdk.surface.modules import exported

#: What a parameter of a program's own function is, by its name, when nothing else says.
_CONVENTIONS = {"ws": "azureml.core.Workspace", "workspace": "azureml.core.Workspace"}
_SAME = ("list", "sorted", "tuple", "reversed", "set", "iter")
_ONE_OF = ("next", "max", "min")
_RUNS = {
    "AutoMLConfig": "azureml.train.automl.run.AutoMLRun",
    "HyperDriveConfig": "azureml.train.hyperdrive.run.HyperDriveRun",
    "Pipeline": "azureml.pipeline.core.run.PipelineRun",
    "PipelineEndpoint": "azureml.pipeline.core.run.PipelineRun",
    "PublishedPipeline": "azureml.pipeline.core.run.PipelineRun",
    "ScriptRunConfig": "azureml.core.script_run.ScriptRun",
}


class Inference(ast.NodeVisitor):
    """One walk over a program.

    :param uses: is told every use.
    :param earlier: a walk over the same program, which knows names that are bound further down.
    """

    def __init__(self, uses: Uses, earlier: Inference | None = None) -> None:
        self._uses = uses
        self._scope: dict[str, Type] = {}
        self._in_branch = 0
        self._in_function = 0
        self._returned: list[Type] = []
        self._earlier: Mapping[str, Type] = {} if earlier is None else earlier._scope
        self._results: dict[str, Type] = {} if earlier is None else earlier._results
        self._attributes: dict[str, Type] = {} if earlier is None else earlier._attributes

    def run(self, tree: ast.Module) -> None:
        """Walk over a module or a cell; what it binds stays known."""
        for statement in tree.body:
            self.visit(statement)

    # Statements

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            path = alias.name if alias.asname else name
            if not _is_sdk(alias.name):
                self._bind_name(name, None)
                continue
            self._uses.imported(alias.name, node.lineno)
            self._bind_name(name, Type("module", path))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        if node.level or not _is_sdk(module):
            for alias in node.names:
                self._bind_name(alias.asname or alias.name, None)
            return
        for alias in node.names:
            if alias.name == "*":
                for name in exported(module):
                    self._bind_name(name, types.of_path(f"{module}.{name}"))
                continue
            self._uses.imported(f"{module}.{alias.name}", node.lineno)
            self._bind_name(alias.asname or alias.name, types.of_path(f"{module}.{alias.name}"))

    def visit_Assign(self, node: ast.Assign) -> None:
        if isinstance(node.value, ast.Tuple) and all(_fits(target, node.value) for target in node.targets):
            values = [self.value(item) for item in node.value.elts]
            for target in node.targets:
                for place, value in zip(getattr(target, "elts", ()), values, strict=True):
                    self._bind(place, value)
            return
        value = self.value(node.value)
        for target in node.targets:
            self._bind(target, value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        declared = _instance(self.value(node.annotation))
        value = self.value(node.value) if node.value is not None else None
        self._bind(node.target, value or declared)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self._bind_item(node.target, self.value(node.iter))
        self._branch([*node.body, *node.orelse])

    visit_AsyncFor = visit_For

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            value = self.value(item.context_expr)
            if item.optional_vars is not None:
                self._bind(item.optional_vars, value)
        for statement in node.body:
            self.visit(statement)

    visit_AsyncWith = visit_With

    def visit_If(self, node: ast.If) -> None:
        self.value(node.test)
        self._branch([*node.body, *node.orelse])

    def visit_Try(self, node: ast.Try) -> None:
        self._branch(node.body)
        for handler in node.handlers:
            if handler.type is not None:
                self.value(handler.type)
            self._branch(handler.body)
        self._branch([*node.orelse, *node.finalbody])

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for expression in [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]:
            self.value(expression)
        outer, returned = self._scope, self._returned
        self._scope, self._returned = dict(outer), []
        self._in_function += 1
        self._bind_parameters(node.args)
        for statement in node.body:
            self.visit(statement)
        self._in_function -= 1
        if self._returned:
            self._results[node.name] = self._returned[0]
        self._scope, self._returned = outer, returned
        self._scope.pop(node.name, None)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for base in node.bases:
            found = self.value(base)
            if found is not None and found.kind == "class":
                self._uses.named(found.path, base.lineno)
        outer, self._scope = self._scope, dict(self._scope)
        for statement in node.body:
            self.visit(statement)
        self._scope = outer

    def visit_Return(self, node: ast.Return) -> None:
        found = self.value(node.value) if node.value is not None else None
        if found is not None:
            self._returned.append(found)

    def generic_visit(self, node: ast.AST) -> None:
        """Other statements: their expressions and the statements in them."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.value(child)
            else:
                self.visit(child)

    # Expressions: each is looked at once, and tells what it uses while it is

    def value(self, node: ast.expr) -> Type | None:
        """The type of an expression, None when it is not of the SDK or not known."""
        special = getattr(self, f"_of_{type(node).__name__}", None)
        if special is not None:
            found: Type | None = special(node)
            return found
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.value(child)
            else:
                self.visit(child)
        return None

    def _of_Name(self, node: ast.Name) -> Type | None:
        return self._scope.get(node.id) or (self._earlier.get(node.id) if self._in_function else None)

    def _of_Attribute(self, node: ast.Attribute) -> Type | None:
        return self._member(self.value(node.value), node)

    def _of_Call(self, node: ast.Call) -> Type | None:
        owner = self.value(node.func.value) if isinstance(node.func, ast.Attribute) else None
        given = [self.value(item) for item in node.args]
        for keyword in node.keywords:
            self.value(keyword.value)
        if isinstance(node.func, ast.Attribute) and owner is not None and owner.kind != "module":
            return self._method(owner, node.func.attr, node, given)
        callee = self._member(owner, node.func) if isinstance(node.func, ast.Attribute) else self.value(node.func)
        if callee is None:
            return self._own_function(node.func, given)
        return self._construct(callee, node)

    def _of_Subscript(self, node: ast.Subscript) -> Type | None:
        owner = self.value(node.value)
        self.value(node.slice)
        if owner is None or owner.kind not in ("many", "by_key"):
            return None
        return owner if isinstance(node.slice, ast.Slice) else Type("object", owner.path)

    def _of_IfExp(self, node: ast.IfExp) -> Type | None:
        self.value(node.test)
        first, second = self.value(node.body), self.value(node.orelse)
        return first or second

    def _of_BoolOp(self, node: ast.BoolOp) -> Type | None:
        return next(filter(None, [self.value(item) for item in node.values]), None)

    def _of_Await(self, node: ast.Await) -> Type | None:
        return self.value(node.value)

    def _of_NamedExpr(self, node: ast.NamedExpr) -> Type | None:
        found = self.value(node.value)
        self._bind(node.target, found)
        return found

    def _of_List(self, node: ast.List | ast.Tuple | ast.Set) -> Type | None:
        found = [self.value(item) for item in node.elts]
        first = found[0] if found else None
        return Type("many", first.path) if first is not None and first.kind == "object" else None

    _of_Tuple = _of_Set = _of_List

    def _of_ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Type | None:
        self._generators(node.generators)
        item = self.value(node.elt)
        return Type("many", item.path) if item is not None and item.kind == "object" else None

    _of_SetComp = _of_GeneratorExp = _of_ListComp

    def _of_DictComp(self, node: ast.DictComp) -> Type | None:
        self._generators(node.generators)
        self.value(node.key)
        item = self.value(node.value)
        return Type("by_key", item.path) if item is not None and item.kind == "object" else None

    def _generators(self, generators: list[ast.comprehension]) -> None:
        for generator in generators:
            self._bind_item(generator.target, self.value(generator.iter))
            for test in generator.ifs:
                self.value(test)

    # What members and calls give

    def _member(self, owner: Type | None, node: ast.Attribute) -> Type | None:
        if owner is None:
            return self._attributes.get(ast.unparse(node))
        if owner.kind == "module":
            return self._of_module(f"{owner.path}.{node.attr}", node.lineno)
        if owner.kind not in ("class", "object"):
            return None
        home = self._uses.member(owner.path, node.attr, node.lineno)
        return types.of_attribute(home, node.attr)

    def _of_module(self, path: str, line: int) -> Type | None:
        found = types.of_path(path)
        if found is None or found.kind != "module":
            self._uses.named(path, line)
        return found

    def _method(self, owner: Type, name: str, node: ast.Call, given: list[Type | None]) -> Type | None:
        if owner.kind == "by_key":
            return _of_mapping(owner, name)
        if owner.kind not in ("class", "object"):
            return None
        home = self._uses.member(owner.path, name, node.lineno)
        self._uses.keywords(home, name, [item.arg for item in node.keywords], node.lineno)
        if name == "submit" and names.short(home) == "Experiment" and given and given[0] is not None:
            return Type("object", _RUNS.get(names.short(given[0].path), "azureml.core.run.Run"))
        result = types.of_call(home, name) or _instance(types.of_attribute(home, name))
        # What a class below the known one gives of its own kind may as well be of another class below it.
        return result._replace(path=owner.path) if result is not None and result.path == home else result

    def _construct(self, callee: Type, node: ast.Call) -> Type | None:
        if callee.kind not in ("class", "function", "module"):
            return None
        # What looks like a module and is called is a function of a package that is refused whole.
        self._uses.named(callee.path, node.lineno)
        self._uses.keywords(callee.path, None, [item.arg for item in node.keywords], node.lineno)
        return types.of_call(callee.path) or _instance(callee)

    def _own_function(self, node: ast.expr, given: list[Type | None]) -> Type | None:
        name = node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")
        first = given[0] if given else None
        if isinstance(node, ast.Name) and name in _SAME:
            return first
        if isinstance(node, ast.Name) and name in _ONE_OF and first is not None and first.kind == "many":
            return Type("object", first.path)
        return self._results.get(name)

    # Binding

    def _bind(self, target: ast.expr, value: Type | None) -> None:
        if isinstance(target, ast.Name):
            self._bind_name(target.id, value)
        elif isinstance(target, ast.Attribute):
            owner = self.value(target.value)
            if owner is not None and owner.kind in ("class", "object"):
                self._uses.member(owner.path, target.attr, target.lineno)
            elif value is not None:
                self._attributes[ast.unparse(target)] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            item = Type("object", value.path) if value is not None and value.kind == "many" else None
            for place in target.elts:
                self._bind(place, item)
        elif isinstance(target, ast.Subscript):
            self.value(target)

    def _bind_name(self, name: str, value: Type | None) -> None:
        if value is not None:
            self._scope[name] = value
        elif not self._in_branch:  # the other branch may have bound it to something known
            self._scope.pop(name, None)

    def _bind_item(self, target: ast.expr, many: Type | None) -> None:
        """The target of a loop; of pairs from ``items()`` the second one is the object."""
        item = Type("object", many.path) if many is not None and many.kind == "many" else None
        if isinstance(target, ast.Tuple) and len(target.elts) == 2:
            self._bind(target.elts[0], None)
            self._bind(target.elts[1], item)
        else:
            self._bind(target, item)

    def _bind_parameters(self, given: ast.arguments) -> None:
        for item in [*given.posonlyargs, *given.args, *given.kwonlyargs]:
            declared = _instance(self.value(item.annotation)) if item.annotation is not None else None
            usual = _CONVENTIONS.get(item.arg)
            self._scope.pop(item.arg, None)
            found = declared or (Type("object", usual) if usual and item.annotation is None else None)
            if found is not None:
                self._scope[item.arg] = found

    def _branch(self, statements: list[ast.stmt]) -> None:
        self._in_branch += 1
        for statement in statements:
            self.visit(statement)
        self._in_branch -= 1


def _is_sdk(module: str) -> bool:
    return module.partition(".")[0] in ("azureml", "azureml_user")


def _fits(target: ast.expr, value: ast.Tuple) -> bool:
    return isinstance(target, (ast.Tuple, ast.List)) and len(target.elts) == len(value.elts)


def _instance(found: Type | None) -> Type | None:
    return Type("object", found.path) if found is not None and found.kind == "class" else None


def _of_mapping(owner: Type, name: str) -> Type | None:
    if name in ("get", "pop", "setdefault"):
        return Type("object", owner.path)
    return Type("many", owner.path) if name in ("values", "items") else None
