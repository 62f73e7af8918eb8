# The container image of Tollgate: docker build -t tollgate .
#
# The image has no shell. The manifest and its handlers belong into /etc/tollgate, the ledger onto a
# volume at /var/lib/tollgate:
#
#   docker run -v "$PWD:/etc/tollgate:ro" -v tollgate:/var/lib/tollgate -p 8080:8080 \
#       -e STRIPE_WEBHOOK_SECRET tollgate

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN host/packaging/build program rootfs

FROM scratch
COPY --from=build /src/target/packages/rootfs/ /
COPY --from=build --chown=65532:65532 /src/target/packages/rootfs/var/lib/tollgate /var/lib/tollgate
USER 65532:65532
WORKDIR /var/lib/tollgate
ENV TOLLGATE_MANIFEST=/etc/tollgate/tollgate.toml XDG_CACHE_HOME=/var/lib/tollgate/cache
VOLUME /var/lib/tollgate
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/tollgate"]
CMD ["serve", "--log", "json"]
