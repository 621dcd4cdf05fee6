# The workbench's side of the exchange: executes what the runner asks, one request after the other. POSIX sh only, and
# whatever of setsid and fractional sleep the image has. No doubled dollar sign: the kubelet would read it.
# With PRESSPLAY_ONCE it does what stands there already, in order of the names, and ends.
umask 0002
once=${PRESSPLAY_ONCE:-}
exchange=${PRESSPLAY_EXCHANGE:-/exchange}
work=${PRESSPLAY_WORK:-/workspace}
export HOME="${PRESSPLAY_HOME:-/tmp/home}"
mkdir -p "$HOME" "$exchange/in" "$exchange/out"
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
export PYTHONDONTWRITEBYTECODE=1 CI=true GIT_TERMINAL_PROMPT=0
trap 'exit 0' TERM INT

pause=0.1
often=0.3
sleep "$pause" 2>/dev/null || { pause=1; often=1; }
group=
apart=
if command -v setsid >/dev/null 2>&1; then
  apart=setsid
  group=-
fi

# What one command may print. A little beyond that it is ended, long before the exchange is full.
most=${PRESSPLAY_MOST_OUTPUT:-268435456}
last=

perform() {
  request=$1
  number=${request##*/}
  out=$exchange/out/$number
  mkdir -p "$out"
  # Whoever asks for the next has read the one before; who has asked for all at once has read none.
  [ -n "$once" ] || [ -z "$last" ] || rm -f "$last/output"
  last=$out
  seconds=$(cat "$request/seconds")
  cd "$(cat "$request/folder")" 2>/dev/null || cd "$work"
  $apart sh "$request/script" >"$out/output" 2>&1 </dev/null &
  process=$!
  $apart sh -c 'sleep "$1"; : >"$3/late"; kill -s TERM -- "$2"; sleep 2; kill -s KILL -- "$2"' \
    watchdog "$seconds" "$group$process" "$out" >/dev/null 2>&1 &
  watchdog=$!
  $apart sh -c 'while sleep "$4" && size=$(wc -c <"$2/output"); do
    if [ "$size" -gt "$3" ]; then : >"$2/much"; kill -s TERM -- "$1"; sleep "$4"; kill -s KILL -- "$1"; exit; fi
  done' guard "$group$process" "$out" "$most" "$often" >/dev/null 2>&1 &
  guard=$!
  wait "$process"
  code=$?
  # One that is so young that it leads no group yet is ended by itself.
  for each in "$watchdog" "$guard"; do
    kill -s KILL -- "$group$each" 2>/dev/null || kill -s KILL "$each" 2>/dev/null
    wait "$each" 2>/dev/null
  done
  # Their own last blow may not have fallen yet.
  [ ! -e "$out/late" ] && [ ! -e "$out/much" ] || kill -s KILL -- "$group$process" 2>/dev/null
  if [ -e "$out/much" ]; then
    dd if="$out/output" of="$out/output.part" bs=65536 count=64 2>/dev/null
    echo "[ended here: it printed more than $most bytes; have it print less, or into a file]" >>"$out/output.part"
    mv "$out/output.part" "$out/output"
  fi
  cd /
  answer "$code"
}

# The code appears last, and whole.
answer() {
  echo "$1" >"$out/code.part"
  mv "$out/code.part" "$out/code"
}

# What was under way when this container ended is not done twice.
for request in "$exchange"/in/*; do
  out=$exchange/out/${request##*/}
  if [ -d "$out" ] && [ ! -e "$out/code" ]; then
    echo '[the workbench ended in the middle of this command and was started again]' >>"$out/output"
    answer 137
  fi
done

version=$(git --version 2>/dev/null || echo none)
printf '%s\n' "$version" >"$exchange/ready.part"
mv "$exchange/ready.part" "$exchange/ready"
while :; do
  for request in "$exchange"/in/*; do
    if [ -d "$request" ] && [ ! -e "$exchange/out/${request##*/}/code" ]; then
      perform "$request"
    fi
  done
  [ -z "$once" ] || exit 0
  sleep "$pause" &
  wait $!
done
