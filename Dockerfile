# Berth's image. Its variants and targets, and how to build and push it: docs/gke.md.
#   docker build --target berth    --build-arg VARIANT=cpu|gpu|tpu …   jobs, pipelines, people: `berth` is the entry point
#   docker build --target dataflow …                                   the same, started by Beam's boot program
# Any Debian with Python 3.11 and its venv module. Give it by digest: `--build-arg BASE=python:3.11-slim-bookworm@sha256:…`
ARG BASE=python:3.11-slim-bookworm
ARG BEAM_SDK=apache/beam_python3.11_sdk:2.77.0

# What pyproject.toml asks for, apart from its other contents: a change of those makes no layer of dependencies anew.
FROM ${BASE} AS requirements
ARG VARIANT=cpu
COPY pyproject.toml .
RUN python3 -c 'import sys, tomllib; \
project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
extras = {"cpu": ["demo", "jax"], "gpu": ["demo", "gpu"], "tpu": ["demo", "tpu"]}[sys.argv[1]]; \
print(*project["dependencies"], *(name for extra in extras for name in project["optional-dependencies"][extra]), sep="\n")' \
    "${VARIANT}" > requirements.txt

# The dependencies: gigabytes that a change of the sources leaves alone.
FROM ${BASE} AS dependencies
ENV PATH=/opt/venv/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY constraints.txt ./
COPY --from=requirements /requirements.txt ./
# An index of your own: `--secret id=pip.conf,src=FILE`; it is there while packages are installed, and in no layer.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python3 -m venv /opt/venv \
    && PIP_CONSTRAINT=constraints.txt pip install --requirement requirements.txt

FROM dependencies AS wheel
COPY . .
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    PIP_CONSTRAINT=constraints.txt pip wheel --no-deps --wheel-dir /wheel .

FROM dependencies AS berth
COPY --from=wheel /wheel ./
RUN pip install --no-index --no-deps berth-*.whl \
    && useradd --uid 1000 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin berth
# The kernels' machine code, for any x86-64 processor since 2009: AVX makes them no faster. berth/kernel_cache.py copies it to
# where numba may write.
ENV HOME=/tmp NUMBA_CPU_NAME=x86-64-v2 NUMBA_CPU_FEATURES="" BERTH_WARM_CACHE=/opt/kernels
RUN export BERTH_CACHE=${BERTH_WARM_CACHE} && python3 -m pipelines.warm && python3 -m trainer.warm
# Where GKE mounts the driver's libraries on machines with GPUs.
ENV LD_LIBRARY_PATH=/usr/local/nvidia/lib64
ARG BASE
ARG VERSION=0.2.0
RUN test "$(berth --version)" = "berth ${VERSION}" || { echo "VERSION is ${VERSION}, the sources' $(berth --version)"; exit 1; }
ENV BERTH_VERSION=${VERSION}
LABEL org.opencontainers.image.title=berth \
      org.opencontainers.image.description="Pre-training of BERT-style language models from raw text" \
      org.opencontainers.image.licenses=Apache-2.0 \
      org.opencontainers.image.version=${VERSION} \
      org.opencontainers.image.base.name=${BASE}
USER 1000:1000
WORKDIR /tmp
ENTRYPOINT ["berth"]

# For Dataflow, whose workers start Beam's boot program, and the launcher's image must be the workers'. Dataflow mounts
# directories of root's into the workers. The jobs of k8s/ run this image, too: they name their command and their user.
FROM ${BEAM_SDK} AS beam
FROM berth AS dataflow
COPY --from=beam /opt/apache/beam/boot /opt/apache/beam/boot
# The packages are there: boot need not make an environment of its own.
ENV RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT=1
USER root
ENTRYPOINT ["/opt/apache/beam/boot"]

# Without --target.
FROM berth
