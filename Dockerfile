# One image for the gateway, the worker and every other command:
#
#   docker build --tag medallero .
#   docker run --rm medallero --help

# A tag, so that building again takes in the base's security fixes. What must stay the same for
# ever names a digest: --build-arg PYTHON=python:3.11-slim-bookworm@sha256:...
ARG PYTHON=python:3.11-slim-bookworm
# The same Python with a C compiler beside it, for the modules that are compiled.
ARG BUILDER=python:3.11-bookworm

FROM ${BUILDER} AS build
# Files get this time and no other, so that the same sources give the same bytes; the seconds of
# the commit, say: --build-arg SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
ARG SOURCE_DATE_EPOCH=1577836800
ENV SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH} \
    PIP_CONSTRAINT=/src/requirements.lock \
    PIP_BUILD_CONSTRAINT=/src/requirements.lock \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_NO_COMPILE=1 \
    PIP_ONLY_BINARY=:all: \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# What we need changes less often than what we write, so it has a layer of its own: the name and
# the version of the package are all that pip has to know for it.
COPY requirements.lock setup.cfg pyproject.toml README.md LICENSE ./
COPY medallero/__init__.py medallero/
COPY faust_bulk faust_bulk
RUN python -m venv --without-pip /opt/medallero \
    && python -m pip --python /opt/medallero/bin/python install --quiet ./faust_bulk .
COPY . .
# The root is read-only where it runs, so Python could not keep what it compiles. Files compiled by
# their content are right whatever time they carry.
RUN python -m pip --python /opt/medallero/bin/python install --quiet --no-deps --force-reinstall ./faust_bulk . \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/medallero/lib \
    && find /opt/medallero -exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH}" {} +

FROM ${PYTHON}
ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Medallero" \
      org.opencontainers.image.description="Live standings of a university games" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/medallero /opt/medallero
# In a container, its own loopback is nobody's address. The gateway still wants tokens, or to be
# told that anyone may send.
ENV PATH=/opt/medallero/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    MEDALLERO_HTTP_HOST=0.0.0.0 \
    MEDALLERO_GRPC_HOST=0.0.0.0 \
    MEDALLERO_WORKER_HOST=0.0.0.0 \
    MEDALLERO_LOG_FORMAT=json
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
WORKDIR /tmp
# The gateway's HTTP and gRPC; the worker's private HTTP.
EXPOSE 8080 50051 6066
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-m", "medallero.health"]
ENTRYPOINT ["medallero"]
CMD ["gateway"]
