# meshctl, the registry and the Python package. The context is what `cargo xtask release image-context`
# lays out. The steps up to the programs are those of python-runtime.Dockerfile, so that both images share
# these layers.
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

# In the place of the package's own commands, which start Python first.
COPY --chmod=755 ${TARGETOS}/${TARGETARCH}/meshctl ${TARGETOS}/${TARGETARCH}/mcp-mesh-registry /opt/mcp-mesh/bin/
RUN ln -s mcp-mesh-registry /opt/mcp-mesh/bin/registry

COPY LICENSE ${TARGETOS}/${TARGETARCH}/sbom/ /usr/share/doc/mcp-mesh/

WORKDIR /app
USER 999:999
STOPSIGNAL SIGTERM
ENTRYPOINT ["meshctl"]

ARG VERSION
ARG REVISION
ARG CREATED
ARG SOURCE
ARG LICENSES
# Those about the base come from build-docker.sh, which knows whether it has a digest.
LABEL org.opencontainers.image.title="MCP Mesh command line" \
      org.opencontainers.image.description="Starts, lists and calls the agents of a mesh" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.licenses="${LICENSES}"
