# xoproxy as a container: reads /etc/xoproxy/xoproxy.yaml, listens on 8080, needs no capability and no writable path.

FROM python:3.13-slim-bookworm AS builder
WORKDIR /src
RUN python -m venv --without-pip /opt/xoproxy

# What few need is left out: `docker build --build-arg EXTRAS=[postgresql,otel] .` has it.
ARG EXTRAS=

# The dependencies first, for a package that is empty but for its version: a change of our code does not fetch them again.
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY xoproxy/__init__.py xoproxy/
# hadolint ignore=DL3013
RUN pip --python /opt/xoproxy/bin/python install --no-cache-dir --no-compile ".$EXTRAS" \
 && find /opt/xoproxy -depth \( -name tests -o -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.pxi' -o -name '*.c' -o -name '*.h' \) \
      -exec rm -rf {} +

# `docker build --build-arg COMPILED=1 .` compiles what every exchange runs through (docs/compiled.md).  Only this stage has the
# compiler; the headers of Python come with the base image.
ARG COMPILED=
# hadolint ignore=DL3008
RUN [ -z "$COMPILED" ] || { apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*; }

COPY xoproxy xoproxy
RUN HATCH_BUILD_HOOK_ENABLE_CUSTOM=$COMPILED pip --python /opt/xoproxy/bin/python install --no-cache-dir --no-compile --no-deps --force-reinstall .

# A read-only root cannot keep compiled modules, and the base image has none even for the standard library: every start would
# compile again.  So import everything of ours once and keep what that compiled, and nothing else; but for what needs an extra.
ENV PYTHONPYCACHEPREFIX=/opt/pycache
RUN /opt/xoproxy/bin/python -c "import importlib, pkgutil, xoproxy; \
[importlib.import_module(m.name) for m in pkgutil.walk_packages(xoproxy.__path__, 'xoproxy.') if not m.name.endswith(('__main__', 'reports.postgresql', 'telemetry.spans'))]" \
 && /opt/xoproxy/bin/xoproxy version


FROM python:3.13-slim-bookworm
COPY --from=builder /opt/xoproxy /opt/xoproxy
COPY --from=builder /opt/pycache /opt/pycache
ENV PATH=/opt/xoproxy/bin:$PATH \
    PYTHONPYCACHEPREFIX=/opt/pycache \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["xoproxy", "healthcheck"]
ENTRYPOINT ["xoproxy"]
CMD ["run"]
