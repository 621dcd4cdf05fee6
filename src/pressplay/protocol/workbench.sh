# The workbench's side of the exchange: executes what the runner asks, one request after the other. POSIX sh only, and
# whatever of setsid and fractional sleep the image has. No doubled dollar sign: the kubelet would read it.
umask 0002
exchange=${PRESSPLAY_EXCHANGE:-/exchange}
work=${PRESSPLAY_WORK:-/workspace}
export HOME="${PRESSPLAY_HOME:-/tmp/home}"
mkdir -p "$HOME" "$exchange/in" "$exchange/out"
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
export PYTHONDONTWRITEBYTECODE=1 CI=true GIT_TERMINAL_PROMPT=0
trap 'exit 0' TERM INT

pause=0.1
sleep "$pause" 2>/dev/null || pause=1
group=
apart=
if command -v setsid >/dev/null 2>&1; then
  apart=setsid
  group=-
fi

perform() {
  request=$1
  number=${request##*/}
  out=$exchange/out/$number
  mkdir -p "$out"
  seconds=$(cat "$request/seconds")
  cd "$(cat "$request/folder")" 2>/dev/null || cd "$work"
  $apart sh "$request/script" >"$out/output" 2>&1 </dev/null &
  process=$!
  $apart sh -c 'sleep "$1"; : >"$3/late"; kill -s TERM -- "$2"; sleep 2; kill -s KILL -- "$2"' \
    watchdog "$seconds" "$group$process" "$out" >/dev/null 2>&1 &
  watchdog=$!
  wait "$process"
  code=$?
  kill -s KILL -- "$group$watchdog" 2>/dev/null
  wait "$watchdog" 2>/dev/null
  cd /
  echo "$code" >"$out/code.part"
  mv "$out/code.part" "$out/code"
}

version=$(git --version 2>/dev/null || echo none)
printf '%s\n' "$version" >"$exchange/ready.part"
mv "$exchange/ready.part" "$exchange/ready"
while :; do
  for request in "$exchange"/in/*; do
    if [ -d "$request" ] && [ ! -e "$exchange/out/${request##*/}/code" ]; then
      perform "$request"
    fi
  done
  sleep "$pause" &
  wait $!
done
