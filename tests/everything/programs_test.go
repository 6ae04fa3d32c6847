package everything

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestRedis: the answers of a server are those it gives alone.
func TestRedis(t *testing.T) {
	host.Require(t, "redis-server", "redis-cli", "redis-benchmark")
	plain := playRedis(t, nil)
	tr := trace("/proc/self/exe")
	if traced := playRedis(t, tr); traced != plain {
		t.Errorf("traced:\n%s\nalone:\n%s", traced, plain)
	}
	wantHits(t, tr, "libc.so.6", "/proc/self/exe")
}

// lua fills a list and a hash and reads them again.
const lua = `local s = 0
for i = 1, 2000 do redis.call('rpush', 'list', i * i); redis.call('hset', 'hash', 'f' .. i, i) end
for _, v in ipairs(redis.call('lrange', 'list', 0, -1)) do s = s + v end
for i = 1, 2000 do s = s + redis.call('hget', 'hash', 'f' .. i) end
return s`

// playRedis starts a server, puts load on it, and returns what it answers.
func playRedis(t *testing.T, tr *host.Trace) string {
	t.Helper()
	port := host.FreePort(t)
	p := host.Start(t, host.Cmd{Args: []string{"redis-server", "--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--save", "", "--loglevel", "warning"},
		Dir: host.WorkDir(t), Limit: 4 * time.Minute}, tr)
	host.Reachable(t, port)
	cli := func(args ...string) string {
		return strings.TrimSpace(host.Client(t, append([]string{"redis-cli", "-p", fmt.Sprint(port)}, args...)...))
	}
	bench := host.Client(t, "redis-benchmark", "-p", fmt.Sprint(port), "-q", "-n", "5000", "-r", "100", "-P", "4",
		"-t", "set,get,incr,lpush,rpop,sadd,hset,zadd,lrange_100,mset")
	answers := []string{fmt.Sprintf("%d kinds of load", strings.Count(bench, "requests per second"))}
	for _, command := range [][]string{{"set", "key", "value"}, {"get", "key"}, {"eval", lua, "0"}, {"incrby", "n", "41"}, {"incr", "n"}, {"get", "n"},
		{"zadd", "z", "1.5", "a", "0.5", "b"}, {"zrange", "z", "0", "-1", "withscores"}, {"sort", "list", "limit", "1990", "10", "desc"},
		{"setrange", "s", "100", "end"}, {"bitcount", "s"}, {"get", "missing"}, {"nonsense"}} {
		answers = append(answers, strings.Join(command, " ")+" -> "+cli(command...))
	}
	cli("shutdown", "nosave")
	r := p.Wait()
	return strings.Join(append(answers, fmt.Sprintf("exit %d %q", r.Exit, r.Stderr)), "\n")
}

// TestPython: the tests of Python itself.
func TestPython(t *testing.T) {
	python, version := findPython(t)
	tests := []string{"test_dict", "test_list", "test_set", "test_tuple", "test_struct", "test_generators", "test_exceptions", "test_hashlib",
		"test_contextlib", "test_zlib", "test_thread", "test_cmath"}
	if host.Torture() {
		tests = append(tests, "test_json", "test_re", "test_threading", "test_signal", "test_posix", "test_subprocess", "test_ssl", "test_ctypes",
			"test_asyncio", "test_multiprocessing_fork", "test_decimal", "test_faulthandler")
	}
	tr := trace("/proc/self/exe")
	r := host.Run(t, host.Cmd{Args: append([]string{python, "-m", "test", "-q"}, tests...), Dir: host.WorkDir(t), Limit: time.Duration(host.Scale(8, 120)) * time.Minute}, tr)
	if r.Exit != 0 || !strings.Contains(r.Stdout, "Tests result: SUCCESS") {
		t.Errorf("%s -m test of %s: exit %d, signal %v\n%s%s", version, tests, r.Exit, r.Signal, tail(r.Stdout), tail(r.Stderr))
	}
	wantHits(t, tr, "libc.so.6", "/proc/self/exe")
}

// findPython is Debian's own, with its tests.
func findPython(t *testing.T) (path, version string) {
	t.Helper()
	suites, _ := filepath.Glob("/usr/lib/python3.*/test/test_dict.py")
	if len(suites) == 0 {
		if os.Getenv("BPFTIME_REQUIRE_HOSTS") != "" {
			t.Fatal("no Python with its tests below /usr/lib")
		}
		t.Skip("no Python with its tests below /usr/lib")
	}
	version = strings.Split(suites[0], "/")[3]
	return "/usr/bin/" + version, version
}

func tail(s string) string { return s[max(0, len(s)-2000):] }

// TestOpenSSL: digests, ciphers, signatures and a connection.
func TestOpenSSL(t *testing.T) {
	host.Require(t, "openssl")
	const script = `set -e
openssl genrsa -traditional 1024 2>/dev/null > rsa.pem
openssl ecparam -name prime256v1 -genkey -noout -out ec.pem
head -c 300000 "$0" > data; for i in 1 2 3; do cat data data > twice; mv twice data; done
for d in md5 sha1 sha256 sha512 sha3-256 blake2b512; do openssl dgst -$d < data; done
for c in aes-128-cbc aes-256-gcm aes-256-ctr chacha20 camellia-128-cbc aria-128-cbc; do
	openssl enc -$c -pbkdf2 -pass pass:x -in data -out sealed 2>/dev/null && openssl enc -d -$c -pbkdf2 -pass pass:x -in sealed 2>/dev/null | cmp - data && echo $c || echo no $c
done
for k in rsa ec; do
	openssl pkey -in $k.pem -pubout -out $k.pub
	openssl dgst -sha256 -sign $k.pem -out sig data && openssl dgst -sha256 -verify $k.pub -signature sig data
done
openssl speed -seconds 1 -bytes 1024 -evp sha256 2>/dev/null | grep -c sha256
openssl req -x509 -key ec.pem -subj /CN=localhost -days 2 -out cert.pem
`
	tr := trace("/proc/self/exe")
	c := host.Cmd{Args: []string{"/bin/bash", "-c", script, filepath.Join("/bin", "bash")}, Dir: host.WorkDir(t), Limit: 8 * time.Minute,
		Rules: []host.Rule{host.Rewrite(`(?m)^no .*$`, "cipher refused")}}
	host.Compare(t, c, tr)
	wantHits(t, tr, "libc.so.6", "libcrypto.so.3")
}

// TestTLS: a server and a client, both probed.
func TestTLS(t *testing.T) {
	host.Require(t, "openssl")
	tr := trace("/proc/self/exe")
	port := host.FreePort(t)
	dir := host.WorkDir(t)
	server := host.Start(t, host.Cmd{Args: []string{"/bin/bash", "-c", fmt.Sprintf("openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -subj /CN=x -days 2 2>/dev/null; exec openssl s_server -accept 127.0.0.1:%d -key key.pem -cert cert.pem -www -naccept 4", port)},
		Dir: dir, Limit: 4 * time.Minute}, tr)
	for i, version := range []string{"-tls1_2", "-tls1_3", "-tls1_3"} {
		client := &host.Trace{Traps: true, Specs: tr.Specs}
		if i == 0 {
			host.Reachable(t, port) // counts as the first of four
		}
		r := host.Run(t, host.Cmd{Args: []string{"openssl", "s_client", "-connect", fmt.Sprintf("127.0.0.1:%d", port), version, "-quiet", "-ign_eof"},
			Dir: host.WorkDir(t), Stdin: "GET / HTTP/1.0\r\n\r\n", Limit: 2 * time.Minute}, client)
		if !regexp.MustCompile(`HTTP/1.0 200 ok`).MatchString(r.Stdout) {
			t.Errorf("%s: exit %d\n%s%s", version, r.Exit, tail(r.Stdout), tail(r.Stderr))
		}
	}
	if r := server.Wait(); r.Exit != 0 {
		t.Errorf("server: exit %d, signal %v\n%s%s", r.Exit, r.Signal, tail(r.Stdout), tail(r.Stderr))
	}
	wantHits(t, tr, "libc.so.6", "libcrypto.so.3")
}

// TestJava: a virtual machine that reads the return addresses of calls into it.
func TestJava(t *testing.T) {
	host.Require(t, "java", "javac")
	classes := t.TempDir()
	if out, err := exec.Command("javac", "-d", classes, host.Source(t, "Walks.java")).CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, out)
	}
	tr := trace("libjvm")
	host.Compare(t, host.Cmd{Args: []string{"java", "-Xmx64m", "-XX:+UseSerialGC", "-cp", classes, "Walks"}, Dir: host.WorkDir(t), Limit: 4 * time.Minute}, tr)
	wantHits(t, tr, "libc.so.6")
	if l := tr.Links(t)["uretprobe.multi/libjvm:*"]; !host.Baseline() && l.Hits < 100000 {
		t.Errorf("%d returns of libjvm: %+v", l.Hits, l)
	}
}

// TestNode: an engine that does as well, and 77 000 functions at once.
func TestNode(t *testing.T) {
	host.Require(t, "node")
	tr := trace("/proc/self/exe")
	host.Compare(t, host.Cmd{Args: []string{"node", "--expose-gc", "--stack-size=500", host.Source(t, "walks.js")}, Dir: host.WorkDir(t), Limit: 4 * time.Minute}, tr)
	wantHits(t, tr, "libc.so.6")
	if l := tr.Links(t)["uretprobe.multi//proc/self/exe:*"]; !host.Baseline() && l.Hits < 100000 {
		t.Errorf("%d returns of node: %+v", l.Hits, l)
	}
}
