# shellcheck shell=sh
# Installs the Fleet Metadata Server and starts it in the background (FM_ACTION=start), or stops it (FM_ACTION=stop). main.tf puts the
# settings before this line, as variables FM_...; the agent's own environment goes on to the server.

set -eu
umask 077

: "${FM_ACTION:?}" "${FM_PORT:?}" "${FM_INSTALL_METHOD:?}" "${FM_INSTALL_PREFIX:?}" "${FM_LOG_PATH:?}" "${FM_LOG_MAX:?}"
: "${FM_SUPERVISE:?}" "${FM_GITHUB_AUTH:?}" "${FM_LOG_LEVEL:?}"

say() {
  printf 'fleet-metadata: %s\n' "$*"
}

die() {
  say "$*" >&2
  exit 1
}

# A path whose "~/" is the home directory.
at_home() {
  # shellcheck disable=SC2088 # the character itself is meant
  case $1 in
    '~/'*) printf '%s/%s' "$HOME" "${1#??}" ;;
    '~') printf '%s' "$HOME" ;;
    *) printf '%s' "$1" ;;
  esac
}

# Sets $began to when process $1 began, which with its number tells it from every other one, or to nothing when it has ended. Fails when
# that cannot be found out. Starts no process where there is /proc: on a machine that is full, that may fail.
look_at() {
  began=
  if [ ! -r /proc/self/stat ]; then
    kill -0 "$1" 2>/dev/null || return 0
    began=$(LC_ALL=C TZ=UTC ps -o lstart= -p "$1" | tr -d ' ') && [ -n "$began" ]
    return
  fi
  { read -r line <"/proc/$1/stat"; } 2>/dev/null || {
    [ ! -e "/proc/$1" ]
    return
  }
  # The name in parentheses may hold anything.
  # shellcheck disable=SC2086
  set -- ${line##*) }
  # Z: ended, and not yet taken note of.
  [ "$1" = Z ] || began=${20}
}

# Whether process $1, which began at $2, still runs.
is_alive() {
  look_at "$1" && [ -n "$began" ] && [ "$began" = "$2" ]
}

# Whether it is certain that it does not.
is_gone() {
  look_at "$1" && [ "$began" != "$2" ]
}

# Whether the process runs that a file names. Sets $pid.
runs() {
  pid=
  start=
  [ -r "$1" ] && read -r pid start <"$1" && is_alive "$pid" "$start"
}

# Waits up to $1 tenths of a second for the rest to succeed.
within() {
  tenths=$1
  shift
  while ! "$@"; do
    tenths=$((tenths - 1))
    [ "$tenths" -gt 0 ] || return 1
    sleep 0.1
  done
}

# supervise.sh leaves the server's exit code as the last thing that it does.
running() {
  [ ! -e "$state/exit" ] && runs "$state/process"
}

ended() {
  ! running
}

stop() {
  running || return 0
  say "stopping (process $pid)"
  kill -TERM "$pid"
  # It ends streams and open requests first, which takes 5 s at most.
  within 100 ended || die "process $pid does not end"
}

state=$HOME/.local/state/fleet-metadata/$FM_PORT
log=$(at_home "$FM_LOG_PATH")
prefix=$(at_home "$FM_INSTALL_PREFIX")
workspace=$(at_home "${FM_WORKSPACE:-$PWD}")

if [ "$FM_ACTION" = stop ]; then
  stop
  exit 0
fi

mkdir -p "$state" "$(dirname "$log")"
# npm and npx heed the settings and packages of the directory that they are called in: not of one that others write to.
cd "$state"

# One start at a time. Who sees no other's mark leaves a mark and looks again: of two who do so at once, at least one sees the other's.
# The one with the smaller number then waits, the other steps back. A mark's name is never used again: one that was left can go.
look_at $$ || die "cannot find out when this process began"
mark=$state/start.$$.$began

# Sets $others: the processes that have left a mark.
look_around() {
  others=
  for other in "$state"/start.*; do
    owner=${other#"$state/start."}
    if [ "$other" = "$mark" ] || [ ! -e "$other" ]; then
      continue
    elif is_gone "${owner%%.*}" "${owner#*.}"; then
      # It was killed.
      rm -f "$other"
    else
      others="$others ${owner%%.*}"
    fi
  done
}

has_turn() {
  look_around
  if [ -z "$others" ] && [ ! -e "$mark" ]; then
    : >"$mark"
    look_around
  fi
  for other in $others; do
    [ $$ -lt "$other" ] || rm -f "$mark"
  done
  [ -z "$others" ]
}

trap 'rm -f "$mark"' EXIT
trap 'exit 1' HUP INT TERM
within 1200 has_turn || die "another start has been at work for two minutes"

# What a running server was started with. Variables of the environment do not count: a new one comes with a new workspace.
wanted=$(
  printf '%s\n' "$FM_PORT" "$workspace" "$log" "$FM_LOG_MAX" "$FM_LOG_LEVEL" "$FM_SETTINGS" "$FM_GITHUB_AUTH" \
    "$FM_GITHUB_AUTH_ID" "$FM_GITHUB_TOKEN_FILE" "$FM_INSTALL_METHOD" "$FM_INSTALL_VERSION" "$FM_INSTALL_SOURCE" \
    "$FM_INSTALL_SHA256" "$prefix" "$FM_SUPERVISE"
)
if running; then
  if [ "$wanted" = "$(cat "$state/settings" 2>/dev/null)" ]; then
    say "is running already (process $pid), log: $log"
    exit 0
  fi
  say "settings have changed"
  stop
fi

# Puts the program where it belongs unless it is there, and is what $1 says. $2 and further: the command that does it. A failure is
# bearable while an older one is there.
install_once() {
  what=$1
  shift
  if [ -z "$renew" ] && [ -x "$program" ] && [ "$what" = "$(cat "$prefix/.installed" 2>/dev/null)" ]; then
    return 0
  fi
  say "installing $what"
  mkdir -p "$prefix/bin"
  if "$@"; then
    printf '%s\n' "$what" >"$prefix/.installed"
  elif [ -x "$program" ]; then
    say "cannot install $what; the program that is there goes on"
  else
    die "cannot install $what"
  fi
}

from_npm() {
  npm install --global --prefix "$prefix" --no-fund --no-audit --loglevel error "$1"
}

from_address() {
  part=$program.part
  case $FM_INSTALL_SOURCE in
    http*)
      if command -v curl >/dev/null; then
        curl -fsSL --retry 3 --max-time 300 -o "$part" "$FM_INSTALL_SOURCE"
      else
        wget -q -T 60 -O "$part" "$FM_INSTALL_SOURCE"
      fi
      ;;
    *) cp "${FM_INSTALL_SOURCE#file://}" "$part" ;;
  esac || return 1
  if [ -n "$FM_INSTALL_SHA256" ]; then
    printf '%s  %s\n' "$FM_INSTALL_SHA256" "$part" | sha256sum -c - >/dev/null || {
      rm -f "$part"
      say "its SHA-256 is another one"
      return 1
    }
  fi
  chmod 755 "$part" && mv -f "$part" "$program"
}

program=$prefix/bin/fleet-metadata
package=${FM_INSTALL_SOURCE:-fleet-metadata@$FM_INSTALL_VERSION}
# A tag may stand for another version than at the last start.
renew=
case $FM_INSTALL_METHOD$package in
  npmfleet-metadata@[0-9]* | npm[!f]* | executable*) ;;
  *) renew=yes ;;
esac
case $FM_INSTALL_METHOD in
  npm)
    command -v npm >/dev/null || die "npm is not there: add Node to the image, or choose install_method = \"executable\""
    install_once "$package" from_npm "$package"
    ;;
  npx)
    command -v npx >/dev/null || die "npx is not there: add Node to the image, or choose install_method = \"executable\""
    say "looking up $package"
    # The program itself is run, not npx, which would wait beside it as a second Node.
    program=$(npx --yes --package "$package" -c 'command -v fleet-metadata') || die "cannot install $package"
    ;;
  executable) install_once "$FM_INSTALL_SOURCE $FM_INSTALL_SHA256" from_address ;;
  *) program=$(command -v fleet-metadata) || die "fleet-metadata is not on the PATH: put it into the image, or choose another install_method" ;;
esac
version=$("$program" --version 2>&1) || die "$program does not run: $version"

# For terminals, agents and their hooks.
if [ -n "${CODER_SCRIPT_BIN_DIR:-}" ] && [ "$program" != "$CODER_SCRIPT_BIN_DIR/fleet-metadata" ]; then
  mkdir -p "$CODER_SCRIPT_BIN_DIR"
  ln -sf "$program" "$CODER_SCRIPT_BIN_DIR/fleet-metadata"
fi

printf '%s\n' "$FM_SUPERVISE" >"$state/supervise.sh"
export FLEET_METADATA_LISTEN="127.0.0.1:$FM_PORT" FLEET_METADATA_WORKSPACE="$workspace" FLEET_METADATA_LOG_LEVEL="$FM_LOG_LEVEL"
case $FM_GITHUB_AUTH in
  none) unset GITHUB_TOKEN GH_TOKEN FLEET_METADATA_GITHUB_TOKEN_FILE ;;
  external-auth) export FLEET_METADATA_GITHUB_TOKEN_FILE="$state/github-token" ;;
  token-file) FLEET_METADATA_GITHUB_TOKEN_FILE=$(at_home "$FM_GITHUB_TOKEN_FILE") && export FLEET_METADATA_GITHUB_TOKEN_FILE ;;
esac
eval "$FM_SETTINGS"
export FM_PROGRAM="$program" FM_LOG="$log" FM_LOG_MAX FM_STATE="$state" FM_GITHUB_AUTH FM_GITHUB_AUTH_ID
rm -f "$state/exit"
# It outlives the agent's sessions, and nobody waits for what it prints.
(
  trap '' HUP
  exec sh "$state/supervise.sh"
) </dev/null >/dev/null 2>&1 &
pid=$!
look_at "$pid" || :
printf '%s %s\n' "$pid" "$began" >"$state/process"
printf '%s\n' "$wanted" >"$state/settings"

if [ ! -d "$workspace" ]; then
  say "version $version starts as soon as $workspace is there (process $pid), log: $log"
  exit 0
fi

settled() {
  ended || "$program" health --url "http://127.0.0.1:$FM_PORT" >/dev/null 2>&1
}
within 300 settled || say "does not answer yet; it goes on starting"
if ended; then
  tail -n 5 "$log" >&2 || :
  die "version $version has ended at once; the whole log: $log"
fi
say "version $version serves $workspace at http://127.0.0.1:$FM_PORT (process $pid), log: $log"
