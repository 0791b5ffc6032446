#!/usr/bin/env bash
# Builds the container images out of the files of a release.
#   DOCKER_REGISTRY   where they belong; default docker.io/mcpmesh, so that one is docker.io/mcpmesh/registry
#   DOCKER_TAG        their tag; default the release's version
#   DOCKER_PUSH       `true` pushes them under that tag, `digest` without a tag; default `false` leaves them
#                     in OUTPUT_DIR, and in Docker, where it runs, for this machine
#   DOCKER_PLATFORMS  what they run on, separated by commas or spaces; default linux/amd64,linux/arm64
#   DOCKER_IMAGES     which ones; default registry,python-runtime,cli
#   DOCKER_BUILDER    buildx or buildah; default whichever works here
#   DOCKER_DIGESTS    a file that gets a line for each image, such as docker.io/mcpmesh/cli@sha256:…
#   RELEASE_DIR       the files of the release; default target/distrib/upload
#   PYTHON_IMAGE      what the images with Python are built on; default python:3.11-slim. With a digest
#                     behind it, python:3.11-slim@sha256:…, the tag is only what the images' label says
#   IMAGE_WHEELS      what `cargo xtask release fetch-image-wheels` fetched; default is to fetch it now
#   CONTEXT           what `cargo xtask release image-context` laid out; default is to lay it out now
#   OUTPUT_DIR        gets the images as files; default dist/images
#
# The same release on the same base gives the same digests, on any machine. buildx and buildah pack
# differently, so each of them has its own.
set -euo pipefail

fail() {
  echo "error: $*" >&2
  exit 1
}

if [ $# -gt 0 ]; then
  case $1 in
    -h | --help)
      sed -n '/^#!/d; /^#/!q; s/^# \{0,1\}//p' "$0"
      exit
      ;;
    *) fail "\`$1\` is not understood: what is wanted stands in variables, which \`$0 --help\` lists" ;;
  esac
fi
# An error of ours is one line, whatever the caller debugs.
export RUST_BACKTRACE=0

here=$PWD
cd "$(dirname "$0")/../.."
root=$PWD
tools=$root/.tools/containers/usr

# absolute PATH: a path that stood in a variable, wherever the script is called from
absolute() {
  case $1 in
    /*) echo "$1" ;;
    *) echo "$here/$1" ;;
  esac
}

# words NAME VALUE KNOWN…: the words of VALUE, one a line, all of which must be known
words() {
  local name=$1 value=$2 word words
  shift 2
  read -ra words <<<"$(tr ',\n' '  ' <<<"$value")"
  [ ${#words[@]} -gt 0 ] || fail "$name=\`$value\` names nothing; leave it unset, or choose from $*"
  for word in "${words[@]}"; do
    case " $* " in
      *" $word "*) echo "$word" ;;
      *) fail "$name: there are no images for \`$word\`; choose from $*" ;;
    esac
  done
}

# ---- what is wanted ---------------------------------------------------------------------

registry=${DOCKER_REGISTRY:-docker.io/mcpmesh}
registry=${registry%/}
[[ $registry =~ ^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)*$ ]] ||
  fail "DOCKER_REGISTRY=\`$registry\` is no place for images; write it like docker.io/mcpmesh"
[[ ${DOCKER_TAG:-version} =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$ ]] ||
  fail "DOCKER_TAG=\`$DOCKER_TAG\` is no tag; it may have letters, digits, \`_\`, \`.\` and \`-\`"
push=${DOCKER_PUSH:-false}
case $push in
  true | false | digest) ;;
  *) fail "DOCKER_PUSH=\`$push\` is none of true, false and digest" ;;
esac
platforms=$(words DOCKER_PLATFORMS "${DOCKER_PLATFORMS-linux/amd64,linux/arm64}" linux/amd64 linux/arm64)
platforms=${platforms//$'\n'/,}
images=$(words DOCKER_IMAGES "${DOCKER_IMAGES-registry,python-runtime,cli}" registry python-runtime cli)
output=$(absolute "${OUTPUT_DIR:-$root/dist/images}")
release=$(absolute "${RELEASE_DIR:-$root/target/distrib/upload}")
python_image=${PYTHON_IMAGE:-python:3.11-slim}

# ---- what it is built with ----------------------------------------------------------------

docker=docker
command -v docker >/dev/null || docker=$tools/bin/docker
buildx=("$docker" buildx)
"${buildx[@]}" version >/dev/null 2>&1 || buildx=("$tools/libexec/docker/cli-plugins/docker-buildx")

# Says why buildx cannot be used, or nothing.
buildx_lacks() {
  if ! "${buildx[@]}" version >/dev/null 2>&1; then
    echo "docker's plugin buildx is not installed"
  elif ! "$docker" info >/dev/null 2>&1; then
    echo "no docker daemon answers${DOCKER_HOST:+ at $DOCKER_HOST}"
  elif "${buildx[@]}" inspect 2>/dev/null | grep -q '^Driver: *docker$' &&
    ! "$docker" info --format '{{.DriverStatus}}' | grep -q io.containerd.snapshotter; then
    echo "docker's own image store takes one platform only; run \`docker buildx create --use\`, or turn on containerd's"
  fi
}

lacks=$(buildx_lacks)
case ${DOCKER_BUILDER:-} in
  '')
    if [ -z "$lacks" ]; then
      builder=buildx
    elif command -v buildah >/dev/null; then
      builder=buildah
    else
      fail "nothing here builds images: $lacks, and there is no buildah; \`make container-tools\` sets both up"
    fi
    ;;
  buildx)
    [ -z "$lacks" ] || fail "DOCKER_BUILDER=buildx: $lacks"
    builder=buildx
    ;;
  buildah)
    command -v buildah >/dev/null || fail "DOCKER_BUILDER=buildah: buildah is not installed; \`make container-tools\` installs it"
    builder=buildah
    ;;
  *) fail "DOCKER_BUILDER=\`$DOCKER_BUILDER\` is neither buildx nor buildah" ;;
esac
command -v skopeo >/dev/null || fail "skopeo is not installed, which copies images; \`make container-tools\` installs it"
if [ -z "${CONTEXT:-}" ]; then
  command -v cargo >/dev/null ||
    fail "cargo is not installed, which lays out what images are built from; install Rust, or name a CONTEXT that was laid out elsewhere"
fi

work=$(mktemp -d)
building=
cleanup() {
  # Whoever stops this script alone means what it started too.
  if [ -n "$building" ]; then
    kill "$building" 2>/dev/null || true
    wait "$building" 2>/dev/null || true
  fi
  # A build that did not end leaves its containers mounted, and mounts cannot be removed.
  if [ -d "$work/storage" ]; then
    buildah --root "$work/storage" --runroot "$work/run" rm --all >/dev/null 2>&1 || true
  fi
  # What buildah unpacked belongs to other users when this is not root's.
  if ! rm -rf "$work" 2>/dev/null; then
    if [ "$(id -u)" = 0 ]; then
      echo "warning: \`$work\` cannot be removed; see what \`mount\` lists below it" >&2
    else
      buildah unshare rm -rf "$work"
    fi
  fi
}
trap cleanup EXIT

# ---- what it is built from ------------------------------------------------------------------

if [ -n "${CONTEXT:-}" ]; then
  context=$(absolute "$CONTEXT")
  [ -f "$context/build-arguments" ] ||
    fail "CONTEXT=\`$CONTEXT\` has no build-arguments; \`cargo xtask release image-context\` makes a context"
  for platform in ${platforms//,/ }; do
    [ -d "$context/$platform" ] ||
      fail "CONTEXT=\`$CONTEXT\` has nothing for $platform; \`cargo xtask release image-context --platforms $platforms\` lays it out"
  done
else
  context=$work/context
  wheels=()
  if [ -n "${IMAGE_WHEELS:-}" ]; then wheels=(--wheels "$(absolute "$IMAGE_WHEELS")"); fi
  # What it says is of a folder that nobody finds afterwards.
  cargo xtask release image-context --dir "$release" --out "$context" --platforms "$platforms" \
    --images "${images//$'\n'/,}" ${wheels[@]+"${wheels[@]}"} >/dev/null
fi
arguments=()
while IFS='=' read -r name value; do
  case $name in
    SOURCE_DATE_EPOCH) epoch=$value ;;
    VERSION) version=$value ;;
  esac
  arguments+=(--build-arg "$name=$value")
done <"$context/build-arguments"
tag=${DOCKER_TAG:-$version}
# The label keeps the tag; what is built on is named by the digest alone where there is one, since not every
# builder takes both.
base=$python_image
base_labels=(--label "org.opencontainers.image.base.name=${python_image%@*}")
if [[ $python_image == *@* ]]; then
  base_digest=${python_image#*@}
  base=${python_image%@*}
  # Before the last slash a colon is a port's.
  if [[ ${base##*/} == *:* ]]; then base=${base%:*}; fi
  base=$base@$base_digest
  base_labels+=(--label "org.opencontainers.image.base.digest=$base_digest")
fi

# As docker does: a registry on this machine may be without TLS.
is_here() {
  [[ $1 =~ ^(localhost|127\.[0-9.]+)([:/]|$) ]]
}

# Docker takes one platform: this machine's, if it is among them.
load() {
  local cpu=${platforms#linux/}
  cpu=${cpu%%,*}
  case $(uname -m)/,$platforms, in
    x86_64/*,linux/amd64,*) cpu=amd64 ;;
    aarch64/*,linux/arm64,*) cpu=arm64 ;;
  esac
  copy --override-os linux --override-arch "$cpu" "$source" "docker-archive:$work/image.tar:$1"
  "$docker" load --quiet --input "$work/image.tar" >/dev/null
  rm "$work/image.tar"
}

# Both builders leave the image as files, in the form that keeps its digest and its health check; what
# copies it is the same then.
build() {
  local image=$1 file=$root/packaging/docker/$1.Dockerfile
  local of_image=("${arguments[@]}")
  # The registry's image is built on nothing.
  if [ "$image" != registry ]; then of_image+=(--build-arg "PYTHON_IMAGE=$base" "${base_labels[@]}"); fi
  if [ "$builder" = buildx ]; then
    # Attestations would hold the time of the build; ours are made of the digest, when it is published.
    "${buildx[@]}" build --quiet --file "$file" --platform "$platforms" --provenance=false --sbom=false \
      "${of_image[@]}" --output "type=oci,dest=$output/$image.tar,rewrite-timestamp=true" "$context" >/dev/null
    source=oci-archive:$output/$image.tar
  else
    local tls=()
    if is_here "$python_image"; then tls=(--tls-verify=false); fi
    local buildah=(buildah --root "$work/storage" --runroot "$work/run")
    mkdir -p "$work/tmp"
    # Only docker's format has health checks.
    TMPDIR=$work/tmp BUILDAH_ISOLATION=${BUILDAH_ISOLATION:-chroot} "${buildah[@]}" bud --quiet --layers --identity-label=false --format docker --file "$file" \
      --platform "$platforms" --manifest "$image" --timestamp "$epoch" ${tls[@]+"${tls[@]}"} "${of_image[@]}" "$context" >/dev/null 2>"$work/said" &
    building=$!
    wait "$building" || buildah_failed
    building=
    cat "$work/said" >&2
    TMPDIR=$work/tmp "${buildah[@]}" manifest push --quiet --all "$image" "dir:$work/$image"
    copy --all --dest-compress "dir:$work/$image" "dir:$output/$image"
    rm -rf "${work:?}/$image"
    python3 "$root/packaging/scripts/settle-image.py" "$output/$image"
    source=dir:$output/$image
  fi
}

# Says in a line when it was the base that could not be had, and else what buildah says.
buildah_failed() {
  local why
  building=
  why=$(sed -n 's/^Error: .*\(initializing source docker:\|short-name\)/\1/p' "$work/said" | head -n 1)
  if [ -n "$why" ]; then
    fail "cannot get the base image \`$base\`: $why; set PYTHON_IMAGE to one that this machine reaches, such as a mirror's"
  fi
  cat "$work/said" >&2
  exit 1
}

copy() {
  skopeo --insecure-policy copy --quiet "$@"
}

publish() {
  local tls=()
  if is_here "$registry"; then tls=(--dest-tls-verify=false); fi
  copy --all --preserve-digests ${tls[@]+"${tls[@]}"} "$source" "docker://$1"
}

mkdir -p "$output"
digests=
for image in $images; do
  name=$registry/$image
  echo "building $name:$tag for ${platforms//,/ and } with $builder" >&2
  rm -rf "${output:?}/$image" "$output/$image.tar"
  build "$image"
  digest=sha256:$(skopeo inspect --raw "$source" | sha256sum | cut -d ' ' -f 1)
  case $push in
    true) publish "$name:$tag" ;;
    digest) publish "$name@$digest" ;;
    false)
      if "$docker" info >/dev/null 2>&1; then
        load "$name:$tag"
      fi
      ;;
  esac
  echo "$name@$digest"
  digests+="$name@$digest"$'\n'
done
# Last, so that whoever reads it finds all of them.
if [ -n "${DOCKER_DIGESTS:-}" ]; then printf %s "$digests" >"$(absolute "$DOCKER_DIGESTS")"; fi
