package syscalls

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// programs are those that strace is a witness of, in a directory of their own.
var programs = []struct {
	name, script string
	needs        []string
}{
	{"ls", `ls -R /etc/apt /usr/share/doc/bash`, nil},
	{"find", `find /usr/share/doc/bash /etc/apt -type f -newer /etc/passwd`, nil},
	{"sh", `for i in 1 2 3; do echo $i | cat | tr 1 2; done; (exit 3) & wait; exit 4`, nil},
	{"bash", `a=$(seq 20 | sort -r | head -3); echo "$a"; trap 'echo usr1' USR1; kill -USR1 $$; exec sh -c 'exit 5'`, []string{"bash"}},
	{"tar", `tar czf a.tgz -C /usr/share/doc bash; tar xzf a.tgz; ls -R bash`, []string{"tar", "gzip"}},
	{"python3", `python3 -c 'import os, json, threading, subprocess
t = threading.Thread(target=os.getppid)
t.start()
t.join()
print(subprocess.run(["true"]).returncode, len(os.listdir("/")))'`, []string{"python3"}},
	{"perl", `perl -e 'for (1 .. 3) { if (!fork) { exit $_ } } while (wait > 0) { $s += $? >> 8 } print "$s\n"'`, []string{"perl"}},
	{"git", `git init -q a; cd a; echo x > f; git add f; git -c user.name=n -c user.email=e commit -qm m; git clone -q . ../b; cat ../b/f`, []string{"git"}},
	{"gcc", `echo 'int main(void) { return 6; }' > a.c; gcc -O1 a.c -o a; ./a || echo $?`, []string{"gcc"}},
	{"openssl", `openssl rand -hex 4 | wc -c; echo x | openssl sha256`, []string{"openssl"}},
	{"curl", `echo text > f; curl -s file://$PWD/f`, []string{"curl"}},
	{"gdb", `gdb -q -batch -ex 'print 6 * 7'`, []string{"gdb"}},
	{"node", `node -e 'require("fs").readdirSync("/"); setTimeout(() => console.log(42), 20)'`, []string{"node"}},
	{"make", `printf 'all: a b\n\techo done\na b:\n\techo $@ > $@\n' > Makefile; make -j2; cat a b`, []string{"make"}},
	{"redis", `redis-server --port 0 --unixsocket $PWD/s --save '' --appendonly no --daemonize no > log & while ! redis-cli -s s ping; do sleep 0.1; done >/dev/null 2>&1
redis-benchmark -s s -n 2000 -c 5 -t set,get -q | grep -c 'requests per second'; redis-cli -s s shutdown nosave; wait`, []string{"redis-server", "redis-benchmark"}},
	{"java", `java -Xshare:auto -version 2>&1 | wc -l`, []string{"java"}},
}

// TestAgainstStrace: output and exit code are as without the agent, and programs have seen of every call what strace has.
func TestAgainstStrace(t *testing.T) {
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			host.Require(t, append([]string{"strace"}, p.needs...)...)
			c := host.Cmd{Args: []string{"bash", "-ec", p.script}, Dir: host.WorkDir(t), Limit: 2 * time.Minute}
			plain := host.Run(t, c, nil)
			w := newWitness(t, c)
			traced := host.Run(t, w.Cmd, nil)
			if diff := cmp.Diff([]any{plain.Stdout, plain.Exit}, []any{traced.Stdout, traced.Exit}); diff != "" {
				t.Errorf("without the agent (-) and with it (+):\n%s\n%s", diff, traced.Stderr)
			}
			w.agree(t)
		})
	}
}
