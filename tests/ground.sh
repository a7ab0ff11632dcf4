# shellcheck shell=bash
# What ./start and ./check share: installing what is missing, building programs, stand-in and image. Sourced, not run.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
triple=x86_64-unknown-linux-gnu
# Rust older than this cannot build the workspace (Cargo.toml, rust-version).
rust_min=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
out=${POSTO_OUT:-$PWD/out}
export POSTO_CACHE=${POSTO_CACHE:-$PWD/.cache}

say() { printf '%s: %s\n' "${0##*/}" "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# A step with its time: step NAME command...
times=()
step() {
  local name=$1 begin=$SECONDS; shift
  say "$name ..."
  "$@" || { report_times; die "$name failed (see above); nothing outside this folder was changed"; }
  times+=("$(printf '%5d s  %s' $((SECONDS - begin)) "$name")")
}
report_times() { [ ${#times[@]} -eq 0 ] || { say "what took the time:"; printf '  %s\n' "${times[@]}"; }; }

# Steps that go on beside those that follow: beside NAME command... ; later join_beside. Their words are kept and shown when they are
# joined; should the steps in front fail, they are ended, with all that they started.
lane= lane_log=
beside() {
  lane_log=$out/$1.log
  say "beside what follows: ${*:2}; its words go to $lane_log"
  set -m
  ( times=(); set -e; "${@:2}"; report_times ) > "$lane_log" 2>&1 < /dev/null &
  lane=$!
  set +m
  trap end_beside EXIT
}
end_beside() {
  [ -n "$lane" ] || return 0
  kill -TERM -- "-$lane" 2> /dev/null || true
  wait "$lane" 2> /dev/null || true
  lane=
}
join_beside() {
  local ended=0
  wait "$lane" || ended=$?
  lane=
  cat "$lane_log"
  [ "$ended" = 0 ] || die "what went on beside failed (see above)"
}

need_root() { [ "$(id -u)" = 0 ] || die "needs root (containers, loop devices): run it with sudo"; }

# Installs the Debian packages that are missing, by name.
need_packages() {
  local missing=() package
  for package; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${missing[*]}"
  { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"; } > "$out/apt.log" 2>&1 ||
    { tail -5 "$out/apt.log" >&2; die "cannot install ${missing[*]}: is there a link, and root? (whole log: $out/apt.log)"; }
}

need_cargo() {
  local have
  have=$(cargo --version 2>/dev/null | awk '{print $2}')
  if [ -n "$have" ] && [ "$(printf '%s\n%s\n' "$rust_min" "$have" | sort -V | head -1)" = "$rust_min" ]; then return 0; fi
  if [ -x "$HOME/.cargo/bin/cargo" ] && [ "${PATH#*"$HOME/.cargo/bin"}" = "$PATH" ]; then PATH=$HOME/.cargo/bin:$PATH; need_cargo; return; fi
  say "cargo ${have:-is missing}${have:+ is older than $rust_min}: taking a newer one by Debian's rustup"
  apt-get update -q > /dev/null
  apt-cache show rustup > /dev/null 2>&1 || die "this Debian has no package rustup: install Rust $rust_min or newer (for example with rustup) and try again"
  need_packages rustup
  rustup default stable || die "rustup could not fetch a toolchain: is there a link?"
}

need_host() {
  need_root
  mkdir -p "$out" "$POSTO_CACHE"
  need_packages gcc libc6-dev git ca-certificates maven default-jdk-headless mmdebstrap arch-test debian-archive-keyring \
    systemd-container xfsprogs iproute2 util-linux zstd xz-utils
  need_cargo
}

# What goes into the image is static, so that the box's C library does not have to be this machine's; paths of this machine
# are not left in it. The builder and the test ground run here and share their objects with `cargo test`.
build_programs() {
  # The first compilation takes minutes: who looks on sees cargo's own bar.
  local quiet=--quiet
  if [ -t 2 ]; then quiet=; fi
  CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS="-C target-feature=+crt-static --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo --remap-path-prefix=$PWD=/posto" \
    cargo build $quiet --locked --release --target "$triple" -p posto -p posto-bootstrap --bins &&
    cargo build $quiet --locked -p posto-image -p posto-tests -p posto-signing --bins || return 1
  programs=${CARGO_TARGET_DIR:-$PWD/target}/$triple/release
  ground=${CARGO_TARGET_DIR:-$PWD/target}/debug
}

# The stand-in web application, only when its sources changed.
build_standin() {
  local state=tests/standin/target/.built now
  now=$(find tests/standin -path tests/standin/target -prune -o -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum)
  [ "$(cat "$state" 2>/dev/null)" = "$now" ] && return 0
  mvn -q -B -f tests/standin/pom.xml package ${1:+"$1"} || return 1
  printf '%s\n' "$now" > "$state"
}

# A publisher with new keys, whose root goes into the images under test: test keys are made at test time.
make_publisher() {
  export POSTO_PUBLISHER=$out/publisher POSTO_SIGN=$ground/posto-sign
  [ -e "$POSTO_PUBLISHER/ceremony/root/1.root.json" ] && return 0
  rm -rf "$POSTO_PUBLISHER" && mkdir -p "$POSTO_PUBLISHER" && (umask 077; head -c 16 /dev/urandom | od -An -tx1 | tr -d ' ' > "$POSTO_PUBLISHER/passphrase") &&
    POSTO_SIGN_PASSPHRASE_FILE=$POSTO_PUBLISHER/passphrase "$POSTO_SIGN" init --ceremony "$POSTO_PUBLISHER/ceremony" \
      --root 1/1 --targets 1/1 --scrypt-work 14 > /dev/null
}

# build_image OUT [more arguments of posto-image build]
build_image() {
  local to=$1; shift
  "$ground/posto-image" build --programs "$programs" --cache "$POSTO_CACHE" --out "$to" "$@"
}
