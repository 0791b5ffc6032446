#!/usr/bin/env bash
# Builds the commands for one or more platforms, as releases are built.
#   PLATFORMS   what to build for, separated by commas or spaces; default this machine's, such as
#               linux/amd64. Also linux/arm64, darwin/amd64, darwin/arm64, windows/amd64, windows/arm64.
#               What compiles for other machines: `rustup target add`, or `make cross-toolchain`.
#   VERSION     refuse unless the checkout is at this version; default any
#   OUTPUT_DIR  gets linux_amd64/meshctl, linux_amd64/mcp-mesh-registry, …; default dist
#   COMPRESS    `true` packs an archive of each platform beside its folder; default false
set -euo pipefail

machine() {
  local system cpu
  system=$(uname -s | tr '[:upper:]' '[:lower:]')
  cpu=$(uname -m)
  case $cpu in
    x86_64) cpu=amd64 ;;
    aarch64) cpu=arm64 ;;
  esac
  echo "$system/$cpu"
}

target() {
  case $1 in
    linux/amd64) echo x86_64-unknown-linux-gnu ;;
    linux/arm64) echo aarch64-unknown-linux-gnu ;;
    darwin/amd64) echo x86_64-apple-darwin ;;
    darwin/arm64) echo aarch64-apple-darwin ;;
    windows/amd64) echo x86_64-pc-windows-msvc ;;
    windows/arm64) echo aarch64-pc-windows-msvc ;;
    *)
      echo "error: \`$1\` is no platform; write linux, darwin or windows, a slash, and amd64 or arm64" >&2
      return 1
      ;;
  esac
}

output=${OUTPUT_DIR:-dist}
options=()
if [ -n "${VERSION:-}" ]; then options+=(--expect-version "$VERSION"); fi
case ${COMPRESS:-false} in
  true | 1 | yes) options+=(--compress) ;;
  false | 0 | no) ;;
  *)
    echo "error: COMPRESS=\`$COMPRESS\` is neither true nor false" >&2
    exit 1
    ;;
esac

# Every platform is known before the first build, which takes minutes.
targets=()
read -ra platforms <<<"$(tr ',\n' '  ' <<<"${PLATFORMS:-$(machine)}")"
for platform in ${platforms[@]+"${platforms[@]}"}; do
  name=$(target "$platform")
  targets+=("$name")
done
if [ ${#targets[@]} -eq 0 ]; then
  echo "error: PLATFORMS=\`$PLATFORMS\` names no platform; leave it unset for this machine's" >&2
  exit 1
fi
case $output in
  /*) ;;
  *) output=$PWD/$output ;;
esac

build() {
  local linker=()
  # Good for a trial; a release links with Microsoft's tools, and publishes nothing else.
  if [ "$1" = x86_64-pc-windows-msvc ] && [ "${OS:-}" != Windows_NT ]; then linker=(--windows-gnu); fi
  cargo xtask release build --target "$1" --plain-dir "$output" \
    ${linker[@]+"${linker[@]}"} ${options[@]+"${options[@]}"} "${@:2}"
}

cd "$(dirname "$0")/../.."
# Nor does a build begin that cannot be followed by the others.
for name in "${targets[@]}"; do build "$name" --dry-run; done
for name in "${targets[@]}"; do build "$name"; done
