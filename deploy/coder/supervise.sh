# shellcheck shell=sh
# Runs the server until it is told to stop, and again when it has crashed; keeps its log bounded and its token for GitHub fresh. run.sh
# starts it in the background and says FM_... in its environment.

set -u
: "${FM_PROGRAM:?}" "${FM_LOG:?}" "${FM_LOG_MAX:?}" "${FM_STATE:?}" "${FM_GITHUB_AUTH:?}"

server=
helpers=
stopping=

stop() {
  stopping=yes
  [ -z "$server" ] || kill -TERM "$server" 2>/dev/null
}
trap stop TERM INT

# Each line is added to the log, which begins anew where it would become too large.
write_log() {
  trap '' TERM INT
  LC_ALL=C
  size=$(wc -c <"$FM_LOG" 2>/dev/null) || size=0
  while IFS= read -r line; do
    if [ "$((size + ${#line} + 1))" -gt "$FM_LOG_MAX" ]; then
      mv -f "$FM_LOG" "$FM_LOG.1"
      size=0
    fi
    # A full disk is no reason to end.
    printf '%s\n' "$line" >>"$FM_LOG" || :
    size=$((size + ${#line} + 1))
  done
}

say() {
  printf 'fleet-metadata: %s\n' "$*" >&3
}

# A sleep that ends when this process is told to.
pause() {
  sleep "$1" 3>&- &
  wait "$!" || kill "$!" 2>/dev/null
}

# Coder's token for GitHub, renewed by Coder when it is about to expire. Said is only what is new.
renew_token() {
  trap 'kill "$!" 2>/dev/null; exit 0' TERM INT
  new=$FM_STATE/github-token.new
  said=
  while :; do
    coder external-auth access-token "$FM_GITHUB_AUTH_ID" >"$new" 2>/dev/null 3>&- &
    if wait "$!" && [ -s "$new" ]; then
      mv -f "$new" "$FM_STATE/github-token"
      seconds=300
      news="has a token for GitHub from Coder"
    else
      seconds=30
      # Where the user has not logged in yet, Coder answers with the address to do so.
      case $(cat "$new") in
        https://* | http://*) news="has no token for GitHub: log in at $(cat "$new")" ;;
        *) news="has no token for GitHub: coder external-auth access-token $FM_GITHUB_AUTH_ID has failed" ;;
      esac
    fi
    [ "$news" = "$said" ] || say "$news"
    said=$news
    sleep "$seconds" 3>&- &
    wait "$!"
  done
}

rm -f "$FM_STATE/log.pipe"
mkfifo -m 600 "$FM_STATE/log.pipe" || exit 1
# Open for reading, too: so it neither waits for a reader here nor ends between two runs of the server.
exec 3<>"$FM_STATE/log.pipe"
exec 4<"$FM_STATE/log.pipe"
rm -f "$FM_STATE/log.pipe"
# By exec: redirections of a function would be kept aside, and the pipe open for writing with them.
(
  exec <&4 3>&- 4<&-
  write_log
) &
writer=$!
exec 4<&-

if [ "$FM_GITHUB_AUTH" = external-auth ]; then
  renew_token &
  helpers=$!
fi

if [ ! -d "$FLEET_METADATA_WORKSPACE" ]; then
  say "waits for $FLEET_METADATA_WORKSPACE"
fi
while [ -z "$stopping" ] && [ ! -d "$FLEET_METADATA_WORKSPACE" ]; do
  pause 1
done

seconds=1
code=0
while [ -z "$stopping" ]; do
  since=$(date +%s)
  "$FM_PROGRAM" serve >&3 2>&1 3>&- &
  server=$!
  wait "$server"
  code=$?
  # A signal ends the wait, not the server.
  while kill -0 "$server" 2>/dev/null; do
    wait "$server"
    code=$?
  done
  server=
  case $code in
    # It was told to stop, or has been set wrongly, which no other try mends.
    0 | 2) break ;;
  esac
  [ -z "$stopping" ] || break
  [ "$(($(date +%s) - since))" -lt 60 ] || seconds=1
  say "has ended with code $code; it is started again in $seconds s"
  pause "$seconds"
  seconds=$((seconds * 2 < 60 ? seconds * 2 : 60))
done

[ -z "$helpers" ] || kill "$helpers" 2>/dev/null
[ "$FM_GITHUB_AUTH" != external-auth ] || rm -f "$FM_STATE/github-token" "$FM_STATE/github-token.new"
# With the last writer gone, what is left in the pipe is written.
exec 3>&-
wait "$writer"
printf '%s\n' "$code" >"$FM_STATE/exit"
