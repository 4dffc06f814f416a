# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What ./run and ./test have in common: install what is missing, then build. Sourced, never run. All talk goes to
# stderr, for stdout belongs to the program; nothing here reads stdin, for that does too.
#
# COTTER_SKIP_PACKAGES=1  leaves packages alone: for systems other than Debian 12, and for machines without a network.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
deps=$root/build/deps # what could not be installed is unpacked here; CMake looks here first
logs=$root/build/logs

say() { printf 'cotter: %s\n' "$*" >&2; }

die() {
  say "error: $*"
  exit 2
}

# log_run NAME COMMAND… runs COMMAND and keeps what it says in build/logs/NAME.log; shows its end when COMMAND fails.
log_run() {
  local log=$logs/$1.log
  shift
  "$@" >"$log" 2>&1 </dev/null && return
  tail -n 200 "$log" >&2
  return 1
}

as_root() {
  if ((EUID == 0)); then "$@"; else sudo -- "$@"; fi
}

# --- packages ---------------------------------------------------------------------------------------------------------

# check_system ends the script on a system whose package names are not known to be those of tools/packages.
check_system() {
  local id='' version='' name=''
  if [[ -r /etc/os-release ]]; then
    # shellcheck disable=SC1091
    id=$(. /etc/os-release && printf %s "${ID-}")
    # shellcheck disable=SC1091
    version=$(. /etc/os-release && printf %s "${VERSION_ID-}")
    # shellcheck disable=SC1091
    name=$(. /etc/os-release && printf %s "${PRETTY_NAME-}")
  fi
  [[ $id == debian && $version == 12 ]] && return
  say "error: this system is ${name:-unknown}; the packages that cotter needs are known for Debian 12 (bookworm) only"
  say "hint: install what tools/packages/*.txt names, then run this again with COTTER_SKIP_PACKAGES=1"
  exit 2
}

# missing_packages LIST… prints the names in the LIST files that are neither installed nor unpacked in build/deps.
missing_packages() {
  local installed name
  installed=" $(dpkg-query -W -f '${Package}/${db:Status-Status}\n' 2>/dev/null | sed -n 's|/installed$||p' | tr '\n' ' ')"
  cut -f1 "$@" | while read -r name; do
    [[ $installed == *" $name "* || -e $deps/unpacked/$name ]] || printf '%s\n' "$name"
  done
}

# apt_install NAME… installs packages, removes none, and starts no daemon. The guard /usr/sbin/policy-rc.d is Debian's
# own way to say the last; one that is there already stays, and decides.
apt_install() {
  (
    guard=/usr/sbin/policy-rc.d
    if [[ ! -e $guard ]]; then
      trap 'as_root rm -f "$guard"' EXIT
      printf '#!/bin/sh\nexit 101\n' | as_root tee "$guard" >/dev/null
      as_root chmod 755 "$guard"
    fi
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
      apt-get install -y --no-install-recommends --no-remove "$@"
  )
}

# Debian's Boost 1.81 headers and its default ones, 1.74, exclude each other. Who has 1.74 keeps it:
# unpack_boost NAME… puts the packages of 1.81 that NAMEs need into build/deps, where programs find them as they were
# linked.
unpack_boost() {
  local boost name deb
  boost=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
    --no-enhances "$@" | grep -E '^libboost[a-z0-9-]*1\.81' | sort -u) || return 1
  mkdir -p "$deps/debs" "$deps/unpacked"
  # shellcheck disable=SC2086
  (cd "$deps/debs" && rm -f -- *.deb && apt-get download $boost) || return 1
  for deb in "$deps"/debs/*.deb; do dpkg -x "$deb" "$deps" || return 1; done
  rm -rf "$deps/debs"
  for name in "$@"; do : >"$deps/unpacked/$name"; done
}

# install_packages LIST… installs what is missing of the LIST files. It asks apt nothing when nothing is missing.
install_packages() {
  [[ ${COTTER_SKIP_PACKAGES-} == 1 ]] && return
  check_system
  local missing boost=() name
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]})) || return 0

  ((EUID == 0)) || command -v sudo >/dev/null || die "not root, and no sudo: as root, install ${missing[*]}"
  say "installing ${#missing[@]} packages with apt-get; none is removed, no daemon is started:"
  for name in "${missing[@]}"; do
    say "  $name: $(awk -F'\t' -v name="$name" '$1 == name { print $2; exit }' "$@")"
  done
  log_run apt-update as_root apt-get update || say "the package lists could not be updated; trying with the old ones"

  # Only a conflict with another Boost is worked around; everything else that apt refuses is the user's to decide.
  if ! apt-get install -s --no-remove "${missing[@]}" >/dev/null 2>&1 && other_boost >/dev/null; then
    mapfile -t boost < <(printf '%s\n' "${missing[@]}" | grep -E '^libboost.*1\.81')
    mapfile -t missing < <(printf '%s\n' "${missing[@]}" | grep -vE '^libboost.*1\.81')
  fi
  if ((${#boost[@]})); then
    say "$(other_boost) is installed and excludes ${boost[*]}: yours stays, cotter's is unpacked in build/deps"
    log_run apt-boost unpack_boost "${boost[@]}" || die "Boost 1.81 could not be unpacked; apt's words are above"
  fi
  if ((${#missing[@]})); then
    log_run apt-install apt_install "${missing[@]}" || die "packages could not be installed; apt's words are above"
  fi
}

# other_boost prints the installed Boost headers that are not those of 1.81, and fails when there are none.
other_boost() {
  dpkg-query -W -f '${Package}/${db:Status-Status}\n' 'libboost1.*-dev' 2>/dev/null |
    sed -n 's|/installed$||p' | grep -v '^libboost1\.81-dev$'
}

# --- build ------------------------------------------------------------------------------------------------------------

# build_preset NAME configures the preset's folder when it never was, when the presets changed, or when tests are wanted
# and were not, and builds it: with ninja's progress on a terminal, else without a word unless it fails. The preset test
# is the release with its tests beside it, in the same folder.
build_preset() {
  local preset=$1 dir=$root/build/${1/#test/release} target=all
  [[ $preset != release ]] || target=product
  if [[ ! -e $dir/configured || $root/CMakePresets.json -nt $dir/configured ]] ||
    [[ $preset == test && $(<"$dir/configured") != test ]]; then
    (cd "$root" && log_run "configure-$preset" cmake --preset "$preset") || die "the $preset build could not be configured"
    echo "$preset" >"$dir/configured"
  fi
  if [[ -t 2 ]]; then
    cmake --build "$dir" -j "$(nproc)" --target "$target" >&2 </dev/null || die "the $preset build failed"
  else
    [[ -e $dir/cotter ]] || say "building ($preset), which takes minutes; how far it is: build/logs/build-$preset.log"
    log_run "build-$preset" cmake --build "$dir" -j "$(nproc)" --target "$target" ||
      die "the $preset build failed"
  fi
}

# prepare LISTS PRESET… is the whole way from a bare system to the built presets. LISTS are names in tools/packages,
# with commas between. Only one at a time for a checkout: who comes second waits.
prepare() {
  local list lists=() preset
  mkdir -p "$logs"
  exec 9>"$root/build/lock"
  flock 9
  for list in ${1//,/ }; do lists+=("$root/tools/packages/$list.txt"); done
  shift
  install_packages "${lists[@]}"
  for preset in "$@"; do build_preset "$preset"; done
  exec 9>&-
}
