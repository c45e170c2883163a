# The mirror as an image: `docker build -f deploy/mirror.Dockerfile -t headrace-mirror:0.1.0 .` in the repository's root.
# It holds headrace-slim and the hash-locked packages of requirements/mirror.txt; what is built them with does not get into the image.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /source
COPY requirements/build.txt requirements/mirror.txt requirements/
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes -r requirements/build.txt \
    && python -m venv /opt/headrace \
    && /opt/headrace/bin/pip install --require-hashes -r requirements/mirror.txt
COPY pyproject.toml LICENSE ./
COPY distributions distributions
COPY headrace headrace
WORKDIR /source/distributions/slim
RUN /opt/build/bin/python -m hatchling build -t wheel -d /wheels \
    && /opt/headrace/bin/pip install --no-deps --no-index /wheels/*.whl \
    && /opt/headrace/bin/pip uninstall -y pip

FROM python:${PYTHON}-slim
RUN groupadd --gid 10001 headrace \
    && useradd --uid 10001 --gid 10001 --no-create-home --no-log-init --shell /usr/sbin/nologin headrace \
    && install -d -o 10001 -g 10001 /var/lib/headrace-mirror
COPY --from=build /opt/headrace /opt/headrace
ENV PATH=/opt/headrace/bin:$PATH PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
EXPOSE 8466
VOLUME /var/lib/headrace-mirror
STOPSIGNAL SIGTERM
ENTRYPOINT ["headrace"]
CMD ["mirror", "serve", "--help"]
