# The registry and nothing else. The context is what `cargo xtask release image-context` lays out, and
# everything in it comes from the archives of a release.
FROM scratch
ARG TARGETOS
ARG TARGETARCH
# Folders, users and the link `registry`: nothing in here could make them.
ADD registry-root.tar /
COPY LICENSE ${TARGETOS}/${TARGETARCH}/sbom/mcp-mesh-registry.cdx.json /usr/share/doc/mcp-mesh/
COPY --chmod=755 ${TARGETOS}/${TARGETARCH}/mcp-mesh-registry /usr/local/bin/mcp-mesh-registry

# SQLite puts temporary files here when `/tmp` is read-only.
WORKDIR /data
USER 1001:1001
ENV PATH=/usr/local/bin \
    HOST=0.0.0.0 \
    PORT=8000 \
    DATABASE_URL=/data/mcp_mesh_registry.db
EXPOSE 8000
VOLUME /data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 CMD ["/usr/local/bin/mcp-mesh-registry", "--healthcheck"]
ENTRYPOINT ["/usr/local/bin/mcp-mesh-registry"]

ARG VERSION
ARG REVISION
ARG CREATED
ARG SOURCE
ARG LICENSES
LABEL org.opencontainers.image.title="MCP Mesh registry" \
      org.opencontainers.image.description="Knows the agents of a mesh and decides who is wired to whom" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.licenses="${LICENSES}"
