package syscalls

import (
	"fmt"
	"os"
	"path/filepath"
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
	{"s_client", `openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -keyout key -out cert 2>/dev/null
openssl s_server -accept 127.0.0.1:$PORT -key key -cert cert -www -naccept 1 > server.log 2>&1 &
while ! printf 'GET / HTTP/1.0\r\n\r\n' | openssl s_client -connect 127.0.0.1:$PORT -quiet -ign_eof > answer 2>client.log; do sleep 0.1; done
grep -c 'HTTP/1.0 200' answer; wait`, []string{"openssl"}},
	{"curl", `echo text > f; curl -s file://$PWD/f`, []string{"curl"}},
	{"gdb", `gdb -q -batch -ex 'print 6 * 7'`, []string{"gdb"}},
	{"node", `node -e 'require("fs").readdirSync("/"); setTimeout(() => console.log(42), 20)'`, []string{"node"}},
	{"make", `printf 'all: a b\n\techo done\na b:\n\techo $@ > $@\n' > Makefile; make -j2; cat a b`, []string{"make"}},
	{"redis", `redis-server --port 0 --unixsocket $PWD/s --save '' --appendonly no --daemonize no > log & while ! redis-cli -s s ping; do sleep 0.1; done >/dev/null 2>&1
redis-benchmark -s s -n 2000 -c 5 -t set,get -q | grep -c 'requests per second'; redis-cli -s s shutdown nosave; wait`, []string{"redis-server", "redis-benchmark"}},
	{"nginx", `cat > nginx.conf <<END
daemon off; worker_processes 2; pid nginx.pid; events { worker_connections 256; }
$([ $(id -u) != 0 ] || echo 'user root;')
http {
	access_log access.log; sendfile on;
	client_body_temp_path tmp1; proxy_temp_path tmp2; fastcgi_temp_path tmp3; uwsgi_temp_path tmp4; scgi_temp_path tmp5;
	server { listen 127.0.0.1:$PORT; root .; default_type text/plain; }
}
END
echo page > page
nginx -p $PWD -e error.log -c nginx.conf & while ! curl -s http://127.0.0.1:$PORT/page; do sleep 0.1; done
wrk -t1 -c8 -d1 http://127.0.0.1:$PORT/page | grep -c 'requests in'; kill -QUIT $(cat nginx.pid); wait`, []string{"nginx", "wrk", "curl"}},
	{"java", `java -Xshare:auto -version 2>&1 | wc -l`, []string{"java"}},
}

// TestAgainstStrace: output and exit code are as without the agent, and programs have seen of every call what strace has.
func TestAgainstStrace(t *testing.T) { againstStrace(t, "") }

// TestCompleteAgainstStrace: the same where calls of other sites are dispatched.
func TestCompleteAgainstStrace(t *testing.T) { againstStrace(t, ", syscalls: complete") }

func againstStrace(t *testing.T, keys string) {
	t.Helper()
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			host.Require(t, append([]string{"strace"}, p.needs...)...)
			agreesWithStrace(t, host.Cmd{Args: []string{"bash", "-ec", p.script}, Env: []string{fmt.Sprint("PORT=", host.FreePort(t))}}, keys)
		})
	}
}

// agreesWithStrace runs the command plain, and under strace and the agent.
func agreesWithStrace(t *testing.T, c host.Cmd, keys string) {
	t.Helper()
	c.Dir, c.Limit = host.WorkDir(t), 2*time.Minute
	plain := host.Run(t, c, nil)
	w := newWitness(t, c, keys)
	traced := host.Run(t, w.Cmd, nil)
	if diff := cmp.Diff([]any{plain.Stdout, plain.Exit}, []any{traced.Stdout, traced.Exit}); diff != "" {
		t.Errorf("without the agent (-) and with it (+):\n%s\n%s", diff, traced.Stderr)
	}
	w.agree(t)
}

// TestPostgresAgainstStrace: the same of a server and its load, which refuse root.
func TestPostgresAgainstStrace(t *testing.T) {
	host.Require(t, "strace")
	if dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin"); len(dirs) == 0 { // Debian keeps them off the path
		host.Require(t, "initdb")
	}
	user := host.Nobody
	if os.Geteuid() != 0 {
		user = nil
	}
	const script = `PATH=$(ls -d /usr/lib/postgresql/*/bin | tail -1):$PATH
initdb -D data -A trust -N --locale=C -U pg > initdb.log
pg_ctl -D data -w -s -l log -o "-c listen_addresses= -c fsync=off -c jit=off -c max_connections=20 -k $PWD" start
pgbench -h $PWD -U pg -i -s 1 -q postgres 2> pgbench.log
pgbench -h $PWD -U pg -c 3 -t 50 postgres 2>> pgbench.log | grep 'actually processed'
psql -h $PWD -U pg -d postgres -qAtc 'select count(*) from pgbench_history'
pg_ctl -D data -m fast -s -w stop; cat pgbench.log | grep -i error || echo no error`
	agreesWithStrace(t, host.Cmd{Args: []string{"bash", "-ec", script}, User: user}, "")
}
