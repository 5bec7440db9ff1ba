# SPDX-License-Identifier: Apache-2.0
# The image of all roles: dev/image builds it. It holds the program, the libraries that it is linked with, the
# certificate authorities, and what says so (/usr/share/doc/hookline/sbom.spdx.json); no shell, no package manager.

FROM debian:bookworm-slim AS build
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get -qq update && apt-get -qq install --yes --no-install-recommends \
        ca-certificates gcc g++ make cmake ninja-build pkg-config libc6-dev dpkg-dev python3 \
        libcurl4-openssl-dev libc-ares-dev libjansson-dev libconfig-dev libuv1-dev libmicrohttpd-dev libssl-dev \
        libjemalloc-dev uthash-dev zlib1g-dev libzstd-dev liblz4-dev >/dev/null

# librdkafka: the newest source package that Debian has, without Kerberos. A mirror may be some days behind, which for
# signed sources of a named version is no harm. Debian patches it to take nanopb from elsewhere: those are left out.
WORKDIR /src/librdkafka
RUN uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1) && \
    echo "deb-src [check-valid-until=no] $uri sid main" >/etc/apt/sources.list.d/sid.list && \
    apt-get -qq update && apt-get -qq source --download-only librdkafka && \
    dpkg-source --no-check --skip-patches -x librdkafka_*.dsc tree >/dev/null && \
    dpkg-parsechangelog -l tree/debian/changelog -S Version >version && \
    cd tree && ./configure --prefix=/usr/local --disable-gssapi --disable-debug-symbols >/dev/null && \
    make -s -C src -j "$(nproc)" >/dev/null && make -s -C src install >/dev/null && ldconfig

WORKDIR /src/hookline
COPY . .
RUN cmake --preset release >/dev/null && cmake --build build/release >/dev/null && \
    strip build/release/hookline && build/release/hookline --version
RUN python3 dev/image-root build/release/hookline /root-of-image \
        "librdkafka=$(cat /src/librdkafka/version)=/src/librdkafka/tree/LICENSES.txt"

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="Hookline" \
      org.opencontainers.image.description="Webhooks from Kafka: bridge, consumer and console" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="$SOURCE" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /root-of-image /
USER 65532:65532
STOPSIGNAL SIGTERM
EXPOSE 9464 9480
ENTRYPOINT ["/usr/bin/hookline"]
CMD ["--help"]
