#!/usr/bin/env bash
# Fills .tools/containers with what images are built and tried with, all of it Debian's; nothing is
# started. What is there stays, so an interrupted run goes on where it stopped. Needs root, or sudo.
#
#   usr/          dockerd, docker with buildx and compose, containerd, runc, docker-registry
#   base/python   stands in for the official image where that cannot be pulled: an OCI layout of both
#                 platforms, tag 3.11-slim
#
# buildah, skopeo, iptables and qemu-user-static become packages of the system, and its kernel runs
# programs of arm64 afterwards.
set -euo pipefail

# Raise it when what lies there must be made anew.
edition=1
# Debian's release whose docker knows multi-platform images; its daemon runs on older systems too.
docker_suite=trixie
# The stand-in for `python:3.11-slim` is the release that has Python 3.11.
base_suite=bookworm

fail() {
  echo "error: $*" >&2
  exit 1
}

cd "$(dirname "$0")/../.."
scripts=$PWD/packaging/scripts
tools=$PWD/.tools/containers
mkdir -p "$tools/base"
cd "$tools"

[ "$(uname -s)" = Linux ] || fail "container tools are set up on Linux only; on $(uname -s) install Docker"
command -v apt-get >/dev/null || fail "container tools are Debian's packages, and there is no apt-get; install docker, buildx, buildah and skopeo"
[ "$(dpkg --print-architecture)" = amd64 ] || fail "container tools are set up on amd64 only, not on $(dpkg --print-architecture)"
if [ "$(id -u)" -ne 0 ]; then
  # Never wait for a password: say what to type instead.
  sudo -n true 2>/dev/null || fail "the base images are made as root; run \`sudo packaging/scripts/container-tools.sh\`"
  exec sudo -n "$scripts/container-tools.sh"
fi

# ---- apt, as the system has it but for the suites, in a folder of its own -------------------

apt_config=$tools/apt/apt.conf

set_up_apt() {
  mkdir -p apt/state/lists/partial apt/cache/archives/partial apt/none
  : >apt/status
  local mirror
  mirror=$(mirror)
  for suite in "$docker_suite" "$base_suite"; do
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
  done >apt/sources.list
  cat >"$apt_config" <<CONFIG
Dir::State "$tools/apt/state";
Dir::State::status "$tools/apt/status";
Dir::Cache "$tools/apt/cache";
Dir::Etc::SourceList "$tools/apt/sources.list";
Dir::Etc::SourceParts "$tools/apt/none";
APT::Sandbox::User "";
Acquire::Languages "none";
CONFIG
  echo "reading Debian's lists of $docker_suite and $base_suite" >&2
  APT_CONFIG=$apt_config apt-get -qq update >&2 || fail "apt cannot read Debian's $docker_suite and $base_suite"
}

# Where this system has Debian from; whatever serves one suite serves the others.
mirror() {
  local found
  # shellcheck disable=SC2016 # apt's variables, not the shell's
  found=$(apt-get indextargets --format '$(ORIGIN)/$(LABEL) $(REPO_URI)' 'Created-By: Packages' |
    sed -n 's#^Debian/Debian ##p' | head -n 1)
  [ -n "$found" ] || fail "apt knows no source of Debian; run \`apt-get update\`"
  echo "$found"
}

# unpack SUITE PACKAGE…
unpack() {
  local suite=$1
  shift
  rm -rf debs && mkdir debs
  (cd debs && APT_CONFIG=$apt_config apt-get -qq download "${@/%//$suite}" >&2) || fail "apt cannot download $* of $suite"
  local deb
  for deb in debs/*.deb; do dpkg-deb --extract "$deb" unpacked; done
  rm -rf debs
}

# ---- programs ---------------------------------------------------------------------------

set_up_programs() {
  echo "unpacking docker, containerd, buildx and compose of $docker_suite" >&2
  rm -rf unpacked usr
  unpack "$docker_suite" docker.io docker-cli containerd docker-buildx docker-compose
  # Their build in the newer release needs a newer libseccomp.
  unpack "$base_suite" runc docker-registry debootstrap
  rm -rf unpacked/usr/share/{doc,man,bash-completion,fish,zsh,lintian,bug,locale}
  mv unpacked/usr usr
  rm -rf unpacked
  local program
  for program in bin/docker sbin/dockerd bin/containerd sbin/runc bin/docker-registry; do
    [ -x "usr/$program" ] || fail "Debian's packages brought no usr/$program"
  done
  usr/bin/docker --version >/dev/null
}

# ---- base images --------------------------------------------------------------------------

# remove_roots: what an interrupted run left; debootstrap mounts the kernel's own file systems in there.
remove_roots() {
  local architecture
  for architecture in amd64 arm64; do
    umount "$tools/base/$architecture/proc" "$tools/base/$architecture/sys" 2>/dev/null || true
    rm -rf --one-file-system "$tools/base/$architecture"
  done
}

# make_root ARCHITECTURE: base/ARCHITECTURE.tar, a Debian with Python and nothing that it can do without.
make_root() {
  local architecture=$1 folder=$tools/base/$1
  [ -f "$folder.tar" ] && return
  echo "making Debian $base_suite for $architecture" >&2
  if ! DEBOOTSTRAP_DIR=$tools/usr/share/debootstrap sh "$tools/usr/sbin/debootstrap" --arch="$architecture" \
    --variant=minbase --include=python3,python3-venv,ca-certificates "$base_suite" "$folder" "$(mirror)" >"$folder.log" 2>&1; then
    tail -n 3 "$folder.log" >&2
    fail "debootstrap failed for $architecture; all it said is in $folder.log"
  fi
  ln -sf python3 "$folder/usr/bin/python"
  # Whose mirror it came from is nobody's business, nor are the packages that it came in.
  rm -rf "$folder"/{etc/apt/sources.list,var/cache/apt,var/log,debootstrap} "$folder"/var/lib/apt/lists \
    "$folder"/usr/share/{doc,man,locale,info,lintian}
  mkdir -p "$folder"/var/{log,cache/apt/archives/partial,lib/apt/lists/partial}
  tar --sort=name --numeric-owner --one-file-system --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' \
    -C "$folder" -cf "$folder.tar.part" .
  rm -rf "$folder"
  mv "$folder.tar.part" "$folder.tar"
  rm -f "$folder.log"
}

# Both platforms in one image, which skopeo copies into a registry and buildah builds on.
make_python() {
  [ -f base/python/index.json ] && return
  echo "packing the stand-in for python:3.11-slim" >&2
  local storage
  rm -rf storage.*
  storage=$(mktemp -d "$tools/storage.XXXXXX")
  local buildah=(buildah --root "$storage/root" --runroot "$storage/run" --storage-driver vfs)
  cat >base/Containerfile <<'FILE'
FROM scratch
ARG TARGETARCH
ADD $TARGETARCH.tar /
CMD ["python3"]
FILE
  "${buildah[@]}" bud --isolation chroot --platform linux/amd64,linux/arm64 --manifest base --timestamp 0 --identity-label=false \
    --file base/Containerfile base >"$storage/log" 2>&1 ||
    {
      tail -n 3 "$storage/log" >&2
      fail "buildah cannot pack the base image"
    }
  rm -rf base/python.part
  "${buildah[@]}" manifest push --quiet --all base "oci:$tools/base/python.part:3.11-slim"
  rm -rf "$storage" base/Containerfile
  mv base/python.part base/python
  rm -f base/amd64.tar base/arm64.tar
}

"$scripts/ensure-debian-package.sh" iptables iptables --version
"$scripts/ensure-debian-package.sh" buildah buildah --version
"$scripts/ensure-debian-package.sh" skopeo skopeo --version
"$scripts/arm64-programs.sh"

if [ "$(cat .stamp 2>/dev/null)" = "$edition" ]; then exit 0; fi
if [ "$(cat .begun 2>/dev/null)" != "$edition" ]; then
  remove_roots
  rm -rf usr base apt
  echo "$edition" >.begun
fi
mkdir -p base
[ -f "$apt_config" ] || set_up_apt
[ -d usr ] || set_up_programs
if [ ! -f base/python/index.json ]; then
  # Under qemu it takes five times as long, so the other one is done in its shadow.
  remove_roots
  make_root arm64 &
  arm64=$!
  make_root amd64 &
  amd64=$!
  # Both have ended before this does, well or not: a second run would work in the same folders.
  made=yes
  wait $arm64 || made=
  wait $amd64 || made=
  [ -n "$made" ] || exit 1
  make_python
fi
rm -rf apt .begun
echo "$edition" >.stamp
