#!/bin/sh
# Speaks for a long-running job as its agent does. It computes nothing: the CPU time that it reports is the time that passes, times
# the CPUs that it has, times RATE (thousandths). Done after WORK milliseconds of it, or when its directory holds `finish`. With SILENT it sends no samples; it takes SLOW_END seconds
# to end.
set -u
dir="$SHELL_TRAP_CHECKPOINT_DIR/$SHELL_TRAP_UUID"
mkdir -p "$dir"
samples="/api/v1/jobs/$SHELL_TRAP_UUID/cpu-samples"

now() { date +%s.%N; }
millis() { echo $(($(date +%s%N) / 1000000)); }
seconds() { printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)); }
thousandths() { awk "BEGIN { print int($1 * 1000 + 0.5) }"; }

once() {
    curl -s --fail -m 5 -H "Authorization: Bearer $SHELL_TRAP_TOKEN" -H 'Content-Type: application/json' \
        -d "$2" "$SHELL_TRAP_SUPERVISOR$1"
}
post() {
    until answer=$(once "$1" "$2"); do sleep 0.1; done
}
measured() {
    echo "\"at\":$(now),\"sent_at\":$(now),\"segment\":$segment,\"user_seconds\":$(seconds $cpu),\"system_seconds\":0,\"limit\":$(seconds $limit)"
}
terminated() {
    trap '' TERM
    sleep "${SLOW_END:-0}"
    echo "$execution $segment $((base + cpu))" > "$dir/state"
    post "$samples" "{$(measured),\"kind\":\"end\",\"reason\":\"checkpointed\",\"generation\":$segment,\"duration_ms\":5}"
    exit 0
}

execution='' segment=0 base=0 cpu=0
if [ -f "$dir/state" ]; then read -r execution segment base < "$dir/state"; fi
segment=$((segment + 1))
limit=$(thousandths "$MARATHON_APP_RESOURCE_CPUS")
trap terminated TERM
if [ -z "$execution" ]; then
    execution=$(cat /proc/sys/kernel/random/uuid)
    echo "$execution $segment 0" > "$dir/state"
    post /initMarathonApp "{\"uuid\":\"$SHELL_TRAP_UUID\",\"started_at\":$(now),\"sent_at\":$(now),\"execution\":\"$execution\"}"
fi
post "$samples" "{$(measured),\"kind\":\"start\",\"execution\":\"$execution\",\"base_cpu_seconds\":$(seconds "$base"),\"runtime\":\"process\",\"task\":\"${MESOS_TASK_ID:-}\",\"checkpoints\":true}"
last=$(millis)
while :; do
    sleep 0.1
    at=$(millis)
    cpu=$((cpu + (at - last) * limit * RATE / 1000000))
    # A program ends with its work, however late this loop comes to see it.
    if [ $((base + cpu)) -gt "$WORK" ]; then cpu=$((WORK - base)); fi
    last=$at
    if [ $((base + cpu)) -ge "$WORK" ] || [ -e "$dir/finish" ]; then
        trap '' TERM
        post "$samples" "{$(measured),\"kind\":\"end\",\"reason\":\"exited\"}"
        post /endMarathonApp "{\"uuid\":\"$SHELL_TRAP_UUID\",\"finished_at\":$(now),\"sent_at\":$(now),\"exit_code\":${RESULT:-0}}"
        exit "${RESULT:-0}"
    fi
    if [ "${SILENT:-0}" -gt 0 ]; then continue; fi
    if answer=$(once "$samples" "{$(measured)}"); then
        case $answer in
        *in-place*) limit=$(thousandths "$(echo "$answer" | sed 's/.*"cpus":\([0-9.]*\).*/\1/')") ;;
        esac
    fi
done
