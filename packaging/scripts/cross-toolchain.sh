#!/usr/bin/env bash
# Fills .tools/cross with Debian's Rust compiler and a standard library for every foreign target that
# can be compiled here: for machines without a network beyond Debian's packages. Where rustup may
# download, `rustup target add` is the shorter way; `cargo xtask release build` takes what it finds.
#   cross-toolchain.sh [TRIPLE…]    default: all
# What is there already is kept, so that an interrupted run goes on where it stopped.
set -euo pipefail

# The one that others wait for comes first; a minute each, but for the one that is packaged.
ALL=(
  x86_64-pc-windows-gnu
  x86_64-unknown-linux-musl
  aarch64-unknown-linux-musl
  aarch64-apple-darwin
  x86_64-apple-darwin
  aarch64-unknown-linux-gnu
)

root=$(cd "$(dirname "$0")/../.." && pwd)
cross=$root/.tools/cross
stamps=$cross/stamps
ensure=$root/packaging/scripts/ensure-debian-package.sh

fail() {
  echo "error: $1" >&2
  exit 1
}

wanted=("$@")
if [ $# -eq 0 ]; then wanted=("${ALL[@]}"); fi
for triple in "${wanted[@]}"; do
  [[ " ${ALL[*]} " == *" $triple "* ]] || fail "\`$triple\` is not made here; choose from ${ALL[*]}"
done

# Of os-release: another system's packages have other names, or a Rust that is too old.
system() (
  # shellcheck source=/dev/null
  . "${OS_RELEASE:-/etc/os-release}" 2>/dev/null && echo "${ID:-}-${VERSION_ID:-}"
)
here=$(system || true)-$(dpkg --print-architecture 2>/dev/null || true)
if [ "$here" != debian-12-amd64 ]; then
  fail "this needs Debian 12 on amd64, and here is \`$here\`; run \`rustup target add ${wanted[*]}\` instead"
fi
command -v cargo >/dev/null || fail "there is no \`cargo\`; install rustup's, which compiles the standard libraries"

mkdir -p "$stamps"
exec 9>"$cross/.lock"
flock 9

# ---- Debian's compiler, unpacked beside the system instead of installed ----------

# The machine's own sources and keys, with one more architecture and lists of its own.
private_apt() {
  local apt=$cross/apt
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/packages"
  cat >"$apt/apt.conf" <<CONF
APT::Architectures { "amd64"; "arm64"; };
APT::Sandbox::User "root";
Dir::State::lists "$apt/lists";
Dir::Cache "$apt/cache";
CONF
  export APT_CONFIG=$apt/apt.conf
}

# The package that PACKAGE depends on and whose name begins with PREFIX: its name has a version in it.
dependency() {
  local found
  found=$(apt-cache show --no-all-versions "$1" | sed -n 's/^Depends: //p' | tr ',' '\n' | awk '{ print $1 }' | grep "^$2" | head -n 1) ||
    fail "Debian's \`$1\` depends on no \`$2…\`"
  echo "$found"
}

unpack_packages() {
  local candidate oldest std llvm package
  private_apt
  echo "fetching Debian's Rust packages" >&2
  apt-get -qq update || fail "apt cannot read its sources; \`apt-get update\` says more"
  candidate=$(apt-cache policy rustc-web | sed -n 's/^ *Candidate: //p')
  oldest=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$root/Cargo.toml")
  if [ -z "$candidate" ] || ! dpkg --compare-versions "$candidate" ge "$oldest"; then
    fail "apt offers \`rustc-web\` ${candidate:-not at all}, and $oldest is needed; let its sources name bookworm-security"
  fi
  std=$(dependency libstd-rust-web-dev libstd-rust-web-)
  llvm=$(dependency "$std" libllvm)
  (
    cd "$cross/apt/packages"
    rm -f ./*.deb
    apt-get -qq download rustc-web "$llvm" rust-web-src \
      "$std" libstd-rust-web-dev "$std:arm64" libstd-rust-web-dev:arm64 ||
      fail "apt cannot download Debian's Rust packages"
  )
  rm -rf "${cross:?}/usr"
  for package in "$cross"/apt/packages/*.deb; do dpkg -x "$package" "$cross"; done
  # Only the standard library is built from source.
  find "$cross"/usr/src/rustc-* -mindepth 1 -maxdepth 1 ! -name library -exec rm -rf {} +
  rm -rf "$cross/apt" "${cross:?}/usr/share"
  unset APT_CONFIG

  local tools=$cross/usr/lib/rustlib/x86_64-unknown-linux-gnu/bin
  # The compiler's libraries are for itself alone: cargo and the linkers get on with the system's.
  mkdir -p "$cross/bin"
  # Not sh: dash drops variables with a hyphen in their name, and cargo sets some.
  cat >"$cross/bin/rustc" <<'WRAPPER'
#!/bin/bash
cross=$(cd "$(dirname "$0")/.." && pwd)
LD_LIBRARY_PATH=$cross/usr/lib/x86_64-linux-gnu exec "$cross/usr/bin/rustc" "$@"
WRAPPER
  # What strips programs for macOS; rustup's compiler comes with it, and works for any.
  mkdir -p "$tools"
  cat >"$tools/rust-objcopy" <<'WRAPPER'
#!/bin/sh
sysroot=$(rustc --print sysroot)
LD_LIBRARY_PATH=$sysroot/lib exec "$sysroot/lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-objcopy" "$@"
WRAPPER
  chmod +x "$cross/bin/rustc" "$tools/rust-objcopy"
}

if [ ! -e "$stamps/packages" ]; then
  unpack_packages
  # What LLVM is linked against, where the system is a small one.
  for library in libz3.so.4:libz3-4 libedit.so.2:libedit2 libxml2.so.2:libxml2; do
    "$ensure" "${library#*:}" sh -c "/sbin/ldconfig -p | grep -q ${library%:*}"
  done
  "$cross/bin/rustc" --version >&2 || fail "Debian's rustc does not run here"
  rm -f "$stamps"/*
  touch "$stamps/packages"
fi

# ---- standard libraries -----------------------------------------------------------

commit=$("$cross/bin/rustc" --version --verbose | sed -n 's/^commit-hash: //p')
source=$(echo "$cross"/usr/src/rustc-*)

# Compiles the standard library of one target. The manifest lies above the source, because cargo hashes
# the paths of what lies elsewhere into every symbol.
build_std() {
  local triple=$1 build=$cross/build lib=$cross/usr/lib/rustlib/$1 began=$SECONDS
  local flags=(
    "--remap-path-prefix=$cross=/rust"
    "--remap-path-prefix=$source=/rustc/$commit"
    "--remap-path-prefix=$cross/usr/lib/rustlib/src/rust=/rustc/$commit"
    # Cargo shortens what lies below the manifest.
    "--remap-path-prefix=usr/lib/rustlib/src/rust=/rustc/$commit"
    # Cargo leaves bitcode out of what it thinks is not optimised at link time.
    "-Cembed-bitcode=yes"
  )
  mkdir -p "$build"
  cat >"$cross/Cargo.toml" <<'TOML'
[workspace]
[package]
name = "nothing"
version = "0.0.0"
edition = "2024"
[lib]
path = "nothing.rs"
TOML
  echo '#![no_std]' >"$cross/nothing.rs"
  (
    cd "$cross"
    # Nothing of a surrounding build may leak in: `make` and cargo set some of these.
    unset RUSTFLAGS CARGO_BUILD_TARGET RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER CARGO_INCREMENTAL
    RUSTC=$cross/bin/rustc RUSTC_BOOTSTRAP=1 CARGO_ENCODED_RUSTFLAGS=$(printf '%s\x1f' "${flags[@]}" | sed 's/\x1f$//') \
      CARGO_HOME=$build/home CARGO_TARGET_DIR=$build/target \
      cargo build --quiet --offline --release --target "$triple" \
      -Zbuild-std=std,panic_abort,proc_macro,test \
      --config 'source.crates-io.replace-with="rust-source"' \
      --config "source.rust-source.directory=\"$source/library/vendor\""
  ) || fail "the standard library of $triple does not compile; the lines above say why"
  rm -rf "$lib" "$lib.new"
  mkdir -p "$lib.new/lib"
  cp "$build/target/$triple"/release/deps/*.rlib "$lib.new/lib/"
  rm "$lib.new/lib"/libnothing-*.rlib
  mv "$lib.new" "$lib"
  rm -rf "$build/target/$triple" "$cross/Cargo.toml" "$cross/Cargo.lock" "$cross/nothing.rs"
  echo "built the standard library of $triple in $((SECONDS - began)) s" >&2
}

for triple in "${wanted[@]}"; do
  [ ! -e "$stamps/$triple" ] || continue
  case $triple in
    *-windows-gnu) "$ensure" gcc-mingw-w64-x86-64-win32 x86_64-w64-mingw32-gcc --version ;;
  esac
  case $triple in
    aarch64-unknown-linux-gnu) ;; # packaged
    *) build_std "$triple" ;;
  esac
  touch "$stamps/$triple"
done
rm -rf "$cross/build"

for triple in "${ALL[@]}"; do
  [ -e "$stamps/$triple" ] || exit 0
done
touch "$cross/.stamp"
