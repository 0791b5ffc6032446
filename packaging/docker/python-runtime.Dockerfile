# Python with the package, for people's own agents: mount or copy them into /app. The context is what
# `cargo xtask release image-context` lays out. cli.Dockerfile begins with the same steps, so that both
# images share these layers.
ARG PYTHON_IMAGE=python:3.11-slim

# Packages are only unpacked and compiled, so that no emulator is needed for it.
FROM --platform=${BUILDPLATFORM} ${PYTHON_IMAGE} AS packages
ARG TARGETOS
ARG TARGETARCH
COPY make-environment.py requirements.txt /
COPY ${TARGETOS}/${TARGETARCH}/wheels/ /wheels/
RUN python3 /make-environment.py /opt/mcp-mesh /requirements.txt /wheels

FROM ${PYTHON_IMAGE}
ARG TARGETOS
ARG TARGETARCH
COPY --from=packages /opt/mcp-mesh /opt/mcp-mesh
# The names of Kubernetes' fsGroup and of the compose files rely on this number.
RUN echo 'mcp-mesh:x:999:' >>/etc/group \
 && echo 'mcp-mesh:x:999:999:MCP Mesh:/home/mcp-mesh:/usr/sbin/nologin' >>/etc/passwd \
 && mkdir -p /app /home/mcp-mesh \
 && chown 999:999 /app /home/mcp-mesh
COPY --chmod=644 healthcheck.py /usr/local/lib/mcp-mesh/healthcheck.py
ENV PATH=/opt/mcp-mesh/bin:/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/home/mcp-mesh \
    HOST=0.0.0.0 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
COPY LICENSE ${TARGETOS}/${TARGETARCH}/sbom/mcp-mesh-python.cdx.json /usr/share/doc/mcp-mesh/

WORKDIR /app
USER 999:999
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=10s --start-period=60s --retries=3 CMD ["python", "-I", "/usr/local/lib/mcp-mesh/healthcheck.py"]
ENTRYPOINT ["python"]

ARG VERSION
ARG REVISION
ARG CREATED
ARG SOURCE
ARG LICENSES
# Those about the base come from build-docker.sh, which knows whether it has a digest.
LABEL org.opencontainers.image.title="MCP Mesh Python runtime" \
      org.opencontainers.image.description="Runs agents that find and call each other" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.licenses="${LICENSES}"
