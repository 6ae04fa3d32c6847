# Job control, traps, subshells, here-documents, coprocesses and many forks.
trap 'echo caught USR1' USR1
kill -USR1 $$
checkpoint start
for i in $(seq 1 20); do (exit "$i"); echo -n "$? "; done; echo
coproc CAT { cat; }
echo through a coprocess >&"${CAT[1]}"; read -r line <&"${CAT[0]}"; echo "$line"
pid=$CAT_PID # bash forgets it as soon as it has noticed the end
exec {CAT[1]}>&-
wait "$pid"; echo "cat ended with $?"
set -m
sleep 0.05 & wait $!; echo "background $?"
(trap '' TERM; checkpoint subshell; kill -TERM $BASHPID; echo survived)
sleep 10 & kill -TERM $!; wait $! 2>/dev/null; echo "killed $?"
while read -r a b; do echo "$b-$a"; done <<< $'1 2\n3 4'
diff <(seq 1 5) <(seq 1 5) && echo same
ulimit -n 64; checkpoint limited
echo "to stderr" >&2
cd /; checkpoint moved
exit 42
