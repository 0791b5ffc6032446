"""Media in S3, or in what speaks its protocol; needs the extra `s3`."""

from __future__ import annotations

from typing import Any

from mesh.media.keys import UNKNOWN_TYPE, new_key
from mesh.media.settings import MediaSettings


class S3Store:
    """A bucket. Credentials and region are what boto3 finds, in AWS_… variables for example."""

    def __init__(self, settings: MediaSettings) -> None:
        import boto3
        from botocore.config import Config

        self._bucket = settings.bucket
        self._prefix = settings.prefix
        # Buckets elsewhere have no host names of their own.
        style = "path" if settings.endpoint else "auto"
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=settings.endpoint,
            config=Config(s3={"addressing_style": style}, connect_timeout=10),
        )

    def write(self, data: bytes, filename: str, mime_type: str) -> str:
        """Stores the bytes under a new `s3://` URI."""
        key = new_key(self._prefix, filename)
        self._client.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType=mime_type)
        return f"s3://{self._bucket}/{key}"

    def read(self, uri: str) -> tuple[bytes, str]:
        """The bytes of an `s3://` URI in the bucket, and their media type."""
        key = uri.removeprefix(f"s3://{self._bucket}/")
        # Nothing says that who sends the URI may read what else these credentials can.
        if key == uri:
            raise ValueError(f"{uri} is not in this agent's media store, s3://{self._bucket}")
        try:
            found = self._client.get_object(Bucket=self._bucket, Key=key)
        except self._client.exceptions.NoSuchKey:
            raise FileNotFoundError(f"the media store has no {uri}") from None
        with found["Body"] as body:
            return body.read(), found.get("ContentType") or UNKNOWN_TYPE

    def check(self) -> None:
        """Raises botocore's error when the bucket cannot be used."""
        self._client.head_bucket(Bucket=self._bucket)
