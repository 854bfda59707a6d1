# The image of vmrestore-controller. The build is `make build-release`, as on any other machine.
FROM docker.io/library/rust:1.95.0-bookworm AS build
# The image's own toolchain, as it is: without this, rustup would fetch the components that
# rust-toolchain.toml wants for development.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
COPY . .
RUN make build-release

# No shell and no package manager; C library and certificate authorities only.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/vmrestore-controller /usr/local/bin/vmrestore-controller
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/vmrestore-controller"]
CMD ["run"]
