# The image of a broker, from a checkout: docker build -t leveret .
# What it does is described in docs/install.md. Stages: the web pages, the wheel and its locked dependencies, the image.

FROM python:3.13.14-slim-trixie AS base

FROM node:22.21.1-bookworm-slim AS pages
WORKDIR /source/ui
COPY ui/package.json ui/package-lock.json ui/.npmrc ./
RUN npm ci
COPY ui/ ./
RUN npm run build

FROM rust:1.91.1-slim-trixie AS rust

FROM base AS build
# Of the release that the base image is of, whatever is newest there.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
COPY --from=rust /usr/local/rustup /usr/local/rustup
COPY --from=rust /usr/local/cargo /usr/local/cargo
ENV RUSTUP_HOME=/usr/local/rustup CARGO_HOME=/usr/local/cargo PATH=/usr/local/cargo/bin:$PATH
WORKDIR /source
COPY requirements/ requirements/
RUN python3 -m venv /build \
    && /build/bin/pip install --no-cache-dir --require-hashes -r requirements/run.lock
COPY . .
COPY --from=pages /source/src/leveret/management/ui/ src/leveret/management/ui/
RUN /build/bin/python scripts/build_dist.py --out /dist \
    && packaging/docker/install.sh /dist/*.whl /opt/leveret

FROM base
LABEL org.opencontainers.image.title="Leveret" \
      org.opencontainers.image.description="A message broker that speaks AMQP 0-9-1 and does RabbitMQ's job" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 5672 leveret \
    && useradd --uid 5672 --gid leveret --no-create-home --home-dir /var/lib/leveret --shell /usr/sbin/nologin leveret \
    && install -d -o leveret -g leveret -m 0750 /var/lib/leveret
COPY --from=build /opt/leveret /opt/leveret
COPY packaging/docker/10-defaults.conf /etc/leveret/conf.d/
COPY packaging/docker/entrypoint.sh /usr/local/bin/leveret-entrypoint
ENV PATH=/opt/leveret/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    LEVERET_HOST=0.0.0.0 \
    LEVERET_DATA_DIR=/var/lib/leveret \
    LEVERET_RABBITMQ_CONF=/etc/leveret/conf.d
USER 5672:5672
WORKDIR /var/lib/leveret
VOLUME ["/var/lib/leveret"]
# AMQP, AMQP over TLS, management, metrics
EXPOSE 5672 5671 15672 15692
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["leveret", "ping", "--quiet"]
ENTRYPOINT ["leveret-entrypoint"]
CMD ["serve"]
