"""System prompts, their templates, and what these see."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from agent_process import Agents
from llm_vendor import Vendor
from pydantic import BaseModel, Field, ValidationError

import mesh
from mesh.asking.functions import check_functions
from mesh.asking.prompts import PromptError
from mesh.declaring.catalogue import catalogue
from mesh.serving.schemas import of_type

Join = Callable[..., Awaitable[Any]]
PROVIDER = {"capability": "llm"}


class Who(mesh.MeshContextModel):
    who: str = Field(description="whom it talks to")
    extra: str = "-"


class Plain(BaseModel):
    who: str


@pytest.fixture(autouse=True)
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the agent runs, and its templates are."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "who.j2").write_text("{{ who }}|{{ extra }}\n")
    return tmp_path / "prompts"


async def test_braces_in_a_text_are_braces(join: Join, vendor: Vendor) -> None:
    @mesh.llm(provider=PROVIDER, system_prompt="Answer as {{ json }}, {this} too.")
    @mesh.tool("ask")
    async def ask(context: dict[str, Any], llm: mesh.MeshLlmAgent = None) -> str:
        return await llm("hi")

    vendor.offer("ask")
    await join()
    await ask(context={"json": "no"})
    assert vendor.system() == "Answer as {{ json }}, {this} too."


@pytest.mark.parametrize("written", ["file://prompts/who.j2", "prompts/who.j2"])
async def test_a_file_is_a_template(join: Join, vendor: Vendor, written: str) -> None:
    @mesh.llm(provider=PROVIDER, system_prompt=written)
    @mesh.tool("ask")
    async def ask(prompt_context: dict[str, Any], llm: mesh.MeshLlmAgent = None) -> str:
        return await llm("hi")

    vendor.offer("ask")
    await join()
    await ask(prompt_context={"who": "<Ann>"})
    assert vendor.system() == "<Ann>|"


async def test_a_template_may_change_and_include_others(
    join: Join, vendor: Vendor, templates: Path
) -> None:
    @mesh.llm(provider=PROVIDER, system_prompt_file="prompts/outer.txt")
    @mesh.tool("ask")
    async def ask(llm: mesh.MeshLlmAgent = None) -> str:
        return await llm("hi")

    (templates / "outer.txt").write_text("Outside {% include 'inner.txt' %}")
    (templates / "inner.txt").write_text("and inside.")
    vendor.offer("ask")
    await join()
    await ask()
    assert vendor.system() == "Outside and inside."
    (templates / "outer.txt").write_text("{% if x %}no{% else %}Rewritten.{% endif %}")
    await ask()
    assert vendor.system() == "Rewritten."


async def test_the_context_is_found_by_name_by_type_and_by_declaration(
    join: Join, vendor: Vendor
) -> None:
    given = {"provider": PROVIDER, "system_prompt": "prompts/who.j2"}

    @mesh.llm(**given)
    @mesh.tool("by_name")
    async def by_name(llm_context: Plain, llm: mesh.MeshLlmAgent = None) -> str:
        return await llm("hi")

    @mesh.llm(**given)
    @mesh.tool("by_type")
    async def by_type(
        context: dict[str, Any], about: Annotated[Who | None, "x"], llm: mesh.MeshLlmAgent = None
    ) -> str:
        return await llm("hi")

    @mesh.llm(**given, context_param="chosen")
    @mesh.tool("by_declaration")
    async def by_declaration(
        about: Who, chosen: dict[str, Any] | None = None, llm: mesh.MeshLlmAgent = None
    ) -> str:
        return await llm("hi")

    @mesh.llm(**given)
    @mesh.tool("by_chance")
    async def by_chance(context: str, llm: mesh.MeshLlmAgent = None) -> str:
        return await llm(context)

    vendor.offer("by_name", "by_type", "by_declaration", "by_chance")
    await join()
    await by_name(llm_context=Plain(who="name"))
    assert vendor.system() == "name|"
    await by_type({"who": "no"}, Who(who="type"))
    assert vendor.system() == "type|-"
    await by_declaration(about=Who(who="no"), chosen={"who": "declared"})
    assert vendor.system() == "declared|"
    await by_declaration(about=Who(who="no"))
    assert vendor.system() == "|"
    await by_chance("a text")
    assert vendor.system() == "|"


@pytest.mark.parametrize(
    ("mode", "seen"), [("append", "call|call"), ("prepend", "own|call"), ("replace", "call|call")]
)
async def test_a_call_adds_to_the_context(join: Join, vendor: Vendor, mode: Any, seen: str) -> None:
    @mesh.llm(provider=PROVIDER, system_prompt="prompts/who.j2")
    @mesh.tool("ask")
    async def ask(context: dict[str, Any], llm: mesh.MeshLlmAgent = None) -> str:
        await llm("hi", context={"extra": "call"}, context_mode="replace")
        assert vendor.system() == "|call"
        return await llm("hi", context={"who": "call", "extra": "call"}, context_mode=mode)

    vendor.offer("ask")
    await join()
    await ask(context={"who": "own"})
    assert vendor.system() == seen


async def test_what_is_no_context_is_refused(join: Join, vendor: Vendor) -> None:
    @mesh.llm(provider=PROVIDER, system_prompt="prompts/who.j2", context_param="about")
    @mesh.tool("ask")
    async def ask(about: Any, mode: Any = "append", llm: mesh.MeshLlmAgent = None) -> str:
        return await llm("hi", context={"who": "x"}, context_mode=mode)

    vendor.offer("ask")
    await join()
    with pytest.raises(TypeError, match="`about` of `ask` is the context of a template, so it"):
        await ask(3)
    with pytest.raises(ValueError, match="context_mode must be one of append, prepend, replace"):
        await ask({}, "both")


async def test_a_tool_may_replace_its_prompt_for_one_call(join: Join, vendor: Vendor) -> None:
    @mesh.llm(provider=PROVIDER, system_prompt="As declared.")
    @mesh.tool("ask")
    async def ask(prompt: str | None, llm: mesh.MeshLlmAgent = None) -> str:
        if prompt:
            llm.set_system_prompt(prompt)
        return await llm("hi")

    vendor.offer("ask")
    await join()
    await ask("As told.")
    assert vendor.system() == "As told."
    await ask(None)
    assert vendor.system() == "As declared."


async def test_a_conversation_may_bring_its_own_prompt(join: Join, vendor: Vendor) -> None:
    talk = [
        {"role": "system", "content": "Its own."},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]

    @mesh.llm(provider=PROVIDER)
    @mesh.tool("open")
    async def without(llm: mesh.MeshLlmAgent = None) -> str:
        return await llm(talk, temperature=0.5, model="other/model")

    @mesh.llm(provider=PROVIDER, system_prompt="Declared.", temperature=1, model="a/b")
    @mesh.tool("declared")
    async def declared(llm: mesh.MeshLlmAgent = None) -> str:
        return await llm(talk, temperature=0.5)

    vendor.offer("without", "declared")
    await join()
    await without()
    asked = vendor.asked()
    assert asked["messages"] == talk
    assert asked["model_params"] == {"temperature": 0.5, "model": "other/model"}
    await declared()
    asked = vendor.asked()
    assert asked["messages"] == [{"role": "system", "content": "Declared."}, *talk[1:]]
    assert asked["model_params"] == {"temperature": 0.5, "model": "a/b"}


async def test_what_is_no_message_is_refused(join: Join, vendor: Vendor) -> None:
    @mesh.llm(provider=PROVIDER)
    @mesh.tool("ask")
    async def ask(message: Any, llm: mesh.MeshLlmAgent = None) -> str:
        return await llm(message)

    vendor.offer("ask")
    await join()
    with pytest.raises(TypeError, match=r"a list of messages such as .* got 'hi'"):
        await ask(["hi"])


def test_a_template_that_cannot_be_used_names_its_place(templates: Path) -> None:
    @mesh.llm(provider=PROVIDER, system_prompt="file://prompts/missing.j2")
    @mesh.tool("ask")
    async def ask(llm: mesh.MeshLlmAgent = None) -> str: ...

    with pytest.raises(PromptError, match=r"`ask` is the template `prompts/missing.j2`, which is"):
        check_functions(catalogue.tools.values())
    (templates / "missing.j2").write_text("fine\n{% if %}\n")
    with pytest.raises(PromptError, match=r"prompts/missing\.j2:2: Expected an expression"):
        check_functions(catalogue.tools.values())


async def test_a_template_that_fails_says_where(
    join: Join, vendor: Vendor, templates: Path
) -> None:
    @mesh.llm(provider=PROVIDER, system_prompt="prompts/fails.j2")
    @mesh.tool("ask")
    async def ask(llm: mesh.MeshLlmAgent = None) -> str:
        return await llm("hi")

    (templates / "fails.j2").write_text("{{ a.b.c }}")
    vendor.offer("ask")
    await join()
    with pytest.raises(PromptError, match=r"fails\.j2: 'a' is undefined"):
        await ask()


def test_an_agent_whose_template_is_missing_does_not_start(tmp_path: Path) -> None:
    agents = Agents(tmp_path, "http://127.0.0.1:9")
    script = """
        import mesh

        @mesh.llm(provider={"capability": "llm"}, system_prompt="file://nowhere.jinja2")
        @mesh.tool("ask")
        async def ask(llm: mesh.MeshLlmAgent = None) -> str: ...

        @mesh.agent("asker")
        class Asker: ...
    """
    agent = agents.start(script)
    try:
        assert agent.end() == 1
    finally:
        agents.close()
    assert agent.errors().strip() == (
        "mesh: the system prompt of `ask` is the template `nowhere.jinja2`, which is not there; "
        f"looked for `{tmp_path / 'nowhere.jinja2'}`"
    )


def test_a_context_model_refuses_what_it_does_not_know() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Who(who="a", other="b")  # type: ignore[call-arg]
    schema = of_type(Who)
    assert schema is not None
    assert schema["properties"]["who"]["description"] == "whom it talks to"
    assert json.dumps(schema["additionalProperties"]) == "false"
