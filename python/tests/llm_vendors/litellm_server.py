"""A vendor that only litellm knows; its API is OpenAI's, as most are."""

from llm_vendors.openai_server import OpenAiServer


class LiteLlmServer(OpenAiServer):
    """Found by the model's name and `api_base`."""

    def settings(self) -> dict[str, str]:
        return {"LM_STUDIO_API_BASE": f"{self.url}/v1", "LM_STUDIO_API_KEY": "lm-secret"}
