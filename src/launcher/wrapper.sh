mesos_qos_child= mesos_qos_signals=0 mesos_qos_newline='
'

mesos_qos_say() { printf 'mesos-qos: %s\n' "$1" >&2; }

# Leaves in mesos_qos_text what of $1 can stand in a JSON string as it is.
mesos_qos_clean() {
  mesos_qos_text=$(printf '%.255s' "$1")
  # The usual text is clean: no look at each character.
  case $mesos_qos_text in
  *[!abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:#/\ -]*) ;;
  *) return 0 ;;
  esac
  mesos_qos_rest=$mesos_qos_text mesos_qos_text=
  while [ -n "$mesos_qos_rest" ]; do
    mesos_qos_tail=${mesos_qos_rest#?}
    mesos_qos_char=${mesos_qos_rest%"$mesos_qos_tail"}
    case $mesos_qos_char in
    [abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:#/\ -]) ;;
    *) mesos_qos_char=_ ;;
    esac
    mesos_qos_text=$mesos_qos_text$mesos_qos_char mesos_qos_rest=$mesos_qos_tail
  done
}

# Leaves in mesos_qos_time the seconds since 1970, with a fraction where date knows it.
mesos_qos_now() {
  mesos_qos_time=$(date +%s.%N 2>/dev/null)
  case ${mesos_qos_time#*.} in
  '' | *[!0123456789]*) mesos_qos_time=$(date +%s 2>/dev/null) ;;
  esac
  case $mesos_qos_time in
  '' | *[!0123456789.]* | .*) mesos_qos_time=0 ;;
  esac
}

# POSTs $2 to route $1 within $3 s for the connection and $4 s in all. The token goes through standard input: the
# arguments of a process can be read by others.
mesos_qos_post() {
  mesos_qos_reply=$(
    if [ -n "${MESOS_QOS_TOKEN:-}" ]; then
      printf 'header = "Authorization: Bearer %s"\n' "$MESOS_QOS_TOKEN"
    else
      printf '\n'
    fi | curl -q -g -s -S -K - --connect-timeout "$3" --max-time "$4" \
      ${mesos_qos_cacert:+--cacert "$mesos_qos_cacert"} -H 'Content-Type: application/json' -H 'Expect:' \
      -w '\n%{http_code}' --data-binary "$2" --url "$MESOS_QOS_URL/$1"
  )
  mesos_qos_curl=$?
  mesos_qos_status=${mesos_qos_reply##*"$mesos_qos_newline"}
  mesos_qos_reply=${mesos_qos_reply%"$mesos_qos_newline"*}
}

# A signal for the task goes to everything in it when this shell leads the process group, as it does in a
# container and as a Mesos task; else to the job's own process. INT and HUP become TERM, since a shell's background
# process ignores INT.
mesos_qos_on_signal() {
  mesos_qos_signals=$((mesos_qos_signals + 1))
  [ -n "$mesos_qos_child" ] || return 0
  if [ "$mesos_qos_group" = "$$" ]; then
    trap '' TERM
    kill -s TERM 0
    trap mesos_qos_on_signal TERM
  else
    kill -s TERM "$mesos_qos_child" 2>/dev/null
  fi
}

# Waits $1 s; a signal ends the wait.
mesos_qos_pause() {
  sleep "$1" 9<&- &
  wait "$!" || kill "$!" 2>/dev/null
}

# Lets the growing pauses of many tasks fall apart: a number from 0 to $1 in mesos_qos_jitter.
mesos_qos_random() {
  { read -r mesos_qos_hex </proc/sys/kernel/random/uuid; } 2>/dev/null
  mesos_qos_hex=${mesos_qos_hex#????????-????-????-????-????????}
  case $mesos_qos_hex in
  [0123456789abcdef][0123456789abcdef][0123456789abcdef][0123456789abcdef]) ;;
  *) mesos_qos_hex=$$ ;;
  esac
  mesos_qos_jitter=$((0x$mesos_qos_hex % ($1 + 1)))
}

mesos_qos_report_start() {
  mesos_qos_post startTask "$mesos_qos_who,\"index\":$mesos_qos_index,\"started_at\":$mesos_qos_started}" 2 5
  case $mesos_qos_status in
  2??) ;;
  *) mesos_qos_say "the start was not reported (status $mesos_qos_status); the job runs all the same" ;;
  esac
}

mesos_qos_report_end() {
  mesos_qos_elapsed=0 mesos_qos_step=1 mesos_qos_before=$mesos_qos_signals
  while :; do
    mesos_qos_now
    # A task that was told to end does so, whatever the answer.
    mesos_qos_ending=
    [ "$mesos_qos_chain" = no ] || [ "$mesos_qos_signals" = 0 ] || mesos_qos_ending=',"ending":true'
    mesos_qos_post updateTask "$mesos_qos_who,\"index\":$mesos_qos_index,\"started_at\":$mesos_qos_started,\
\"finished_at\":$mesos_qos_finished,\"exit_code\":$mesos_qos_code,\"sent_at\":$mesos_qos_time$mesos_qos_ending}" 5 15
    case $mesos_qos_status in
    2??)
      case $mesos_qos_reply in
      *'"next":"continue"'* | *'"next": "continue"'*) mesos_qos_next=continue ;;
      esac
      return
      ;;
    408 | 429) ;;
    4??)
      mesos_qos_say "the end was refused (status $mesos_qos_status): $mesos_qos_reply"
      return
      ;;
    esac
    # A task that is being killed has no time left, and a wait of its own choice would be cut short by KILL.
    if [ "$mesos_qos_signals" != "$mesos_qos_before" ] || [ "$mesos_qos_elapsed" -ge "$mesos_qos_window" ]; then
      mesos_qos_say "the end was not reported (status $mesos_qos_status), and this was the last attempt"
      return
    fi
    mesos_qos_random "$((mesos_qos_step / 2))"
    mesos_qos_wait=$((mesos_qos_step + mesos_qos_jitter))
    if [ "$((mesos_qos_elapsed + mesos_qos_wait))" -gt "$mesos_qos_window" ]; then
      mesos_qos_wait=$((mesos_qos_window - mesos_qos_elapsed))
    fi
    mesos_qos_say "the end was not reported (status $mesos_qos_status), next attempt in $mesos_qos_wait s"
    mesos_qos_pause "$mesos_qos_wait"
    mesos_qos_elapsed=$((mesos_qos_elapsed + mesos_qos_wait))
    [ "$mesos_qos_curl" -ne 28 ] || mesos_qos_elapsed=$((mesos_qos_elapsed + 15))
    [ "$mesos_qos_step" -ge 30 ] || mesos_qos_step=$((mesos_qos_step * 2))
  done
}

trap mesos_qos_on_signal TERM INT HUP
mesos_qos_group=
{ read -r mesos_qos_char mesos_qos_char mesos_qos_char mesos_qos_char mesos_qos_group mesos_qos_rest \
  <"/proc/$$/stat"; } 2>/dev/null

mesos_qos_reports=yes
if ! command -v curl >/dev/null 2>&1; then
  mesos_qos_reports=no
  mesos_qos_say 'curl is not in this image: the supervisor will not hear of this run. Install curl in the image.'
elif [ -z "${MESOS_QOS_URL:-}" ] || [ -z "${MESOS_QOS_UUID:-}" ]; then
  mesos_qos_reports=no
  mesos_qos_say 'MESOS_QOS_URL or MESOS_QOS_UUID is not set: the supervisor will not hear of this run.'
fi
if [ -n "$mesos_qos_cacert" ] && ! [ -r "$mesos_qos_cacert" ]; then
  mesos_qos_say "cannot read $mesos_qos_cacert: the supervisor must be known to the certificates of this image"
  mesos_qos_cacert=
fi

mesos_qos_run=${MESOS_TASK_ID:-${mesos_task_id:-}}
if [ -z "$mesos_qos_run" ]; then
  { read -r mesos_qos_run </proc/sys/kernel/random/uuid; } 2>/dev/null
  mesos_qos_now
  mesos_qos_run=${mesos_qos_run:-$$-$mesos_qos_time}
fi
mesos_qos_clean "$mesos_qos_run"
mesos_qos_run=$mesos_qos_text
mesos_qos_host=${HOST:-}
if [ -z "$mesos_qos_host" ]; then
  { read -r mesos_qos_host </proc/sys/kernel/hostname; } 2>/dev/null
fi
mesos_qos_clean "${mesos_qos_host:-unknown}"
mesos_qos_host=$mesos_qos_text
mesos_qos_clean "${MESOS_QOS_UUID:-}"
mesos_qos_who="{\"uuid\":\"$mesos_qos_text\",\"name\":$mesos_qos_name,\"hostname\":\"$mesos_qos_host\",\"run\":\"$mesos_qos_run\""

# A background process reads /dev/null unless it is told otherwise; the job keeps the task's standard input.
if (exec 9<&0) 2>/dev/null; then exec 9<&0; else exec 9</dev/null; fi

# Runs the command once, in mesos_qos_code how it ended. In the background, because a shell acts on a signal only after its
# foreground process has ended.
mesos_qos_run_command() {
  (
    unset MESOS_QOS_TOKEN
    if [ "$mesos_qos_chain" = yes ]; then
      MESOS_QOS_INDEX=$mesos_qos_index
      export MESOS_QOS_INDEX
    fi
    exec /bin/sh -c "$mesos_qos_command"
  ) <&9 9<&- &
  mesos_qos_child=$!
  [ "$mesos_qos_signals" = 0 ] || kill -s TERM "$mesos_qos_child" 2>/dev/null
  mesos_qos_code=
  while :; do
    mesos_qos_before=$mesos_qos_signals
    wait "$mesos_qos_child"
    mesos_qos_waited=$?
    # 127 after an interrupted wait: the shell had told the code already and knows the process no more.
    [ "$mesos_qos_waited" = 127 ] && [ -n "$mesos_qos_code" ] || mesos_qos_code=$mesos_qos_waited
    [ "$mesos_qos_signals" != "$mesos_qos_before" ] || break
  done
  mesos_qos_child=
}

# Once, and again in this task for as long as the supervisor's answers say so.
mesos_qos_index=0
while :; do
  mesos_qos_next=exit
  mesos_qos_now
  mesos_qos_started=$mesos_qos_time
  [ "$mesos_qos_reports" = no ] || mesos_qos_report_start
  mesos_qos_code=143
  [ "$mesos_qos_signals" != 0 ] || mesos_qos_run_command
  mesos_qos_now
  mesos_qos_finished=$mesos_qos_time
  [ "$mesos_qos_reports" = no ] || mesos_qos_report_end
  # A job that did not ask for it, one that failed and a task that was told to end run nothing more.
  [ "$mesos_qos_chain" = yes ] && [ "$mesos_qos_next" = continue ] && [ "$mesos_qos_code" = 0 ] &&
    [ "$mesos_qos_signals" = 0 ] || break
  mesos_qos_index=$((mesos_qos_index + 1))
done
# The comment sign catches what Chronos appends to a command.
exit "$mesos_qos_code" #
