"""Which vendor's file and which SDK a model needs, decided by its name without loading either."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from mesh.thinking.params import vendor_of
from mesh.thinking.vendor import Access, Vendor


@dataclass(frozen=True, slots=True)
class Choice:
    """How a model is reached."""

    # The module and the class, and what it is told beside how it is reached.
    module: str
    name: str
    # The packages that it imports, and the extra that installs them.
    sdk: tuple[str, ...]
    extra: str
    options: tuple[tuple[str, Any], ...] = ()
    # Whether the vendor is told the whole name of the model.
    keeps_prefix: bool = False

    def missing(self, model: str) -> str | None:
        """What the author has to install; None when it is there."""
        absent = [package for package in self.sdk if not _is_installed(package)]
        if not absent:
            return None
        return (
            f"the model {model} needs the package `{absent[0]}`, which is not installed: "
            f"pip install 'mcp-mesh[{self.extra}]'"
        )

    def load(self, access: Access) -> Vendor:
        """Imports the SDK, and makes a client of it; what that raises is the SDK's."""
        vendor: Callable[..., Vendor] = getattr(
            import_module(f"mesh.thinking.vendors.{self.module}"), self.name
        )
        return vendor(access, **dict(self.options))


LITELLM = Choice("litellm", "LiteLlm", ("litellm",), "litellm", keeps_prefix=True)
BEDROCK = Choice(
    "anthropic", "Anthropic", ("anthropic", "boto3"), "anthropic-bedrock", (("by", "bedrock"),)
)
VERTEX_CLAUDE = Choice(
    "anthropic",
    "Anthropic",
    ("anthropic", "google.auth"),
    "anthropic,vertex",
    (("by", "vertex_ai"),),
)


def choose(model: str, *, is_native: bool = True, has_both: bool = False) -> Choice:
    """The way to `model`; with `is_native` off always litellm, which knows all vendors.

    `has_both` says that models of Gemini are held to a schema while they have tools.
    """
    vendor, name = vendor_of(model), model.partition("/")[2]
    both = (("has_both", has_both),)
    if not is_native:
        return LITELLM
    if vendor == "anthropic":
        return Choice("anthropic", "Anthropic", ("anthropic",), "anthropic")
    if vendor == "openai":
        return Choice("openai", "OpenAi", ("openai",), "openai")
    if vendor == "gemini":
        return Choice("gemini", "Gemini", ("google.genai",), "gemini", both)
    if vendor == "vertex_ai" and name.startswith("gemini"):
        by = (("by", vendor), *both)
        return Choice("gemini", "Gemini", ("google.genai", "google.auth"), "vertex", by)
    if vendor == "vertex_ai" and name.startswith("claude"):
        return VERTEX_CLAUDE
    # litellm reaches Bedrock, too, and is what releases up to 3.8 used for it.
    if vendor == "bedrock" and "anthropic." in name and not _is_installed("litellm"):
        return BEDROCK
    return LITELLM


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False  # Not even the package around it.
