package hosts

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestCurl fetches, posts, follows a redirection and gives up, against a server in this process.
func TestCurl(t *testing.T) {
	host.Require(t, "curl")
	mux := http.NewServeMux()
	mux.HandleFunc("/page", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, strings.Repeat("page\n", 5000)) })
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) })
	mux.Handle("/moved", http.RedirectHandler("/page", http.StatusFound))
	srv := httptest.NewServer(mux)
	defer srv.Close()
	host.ForUsers(t, func(t *testing.T, u *host.User) {
		tr := host.Hot()
		host.Compare(t, host.Cmd{Dir: host.WorkDir(t), User: u, Args: []string{"sh", "-c", fmt.Sprintf(`
			curl -sS %[1]s/page | sha256sum
			curl -sS -L %[1]s/moved -o saved -w '%%{http_code} %%{num_redirects}\n'; sha256sum < saved
			seq 1 20000 | curl -sS --data-binary @- %[1]s/echo | sha256sum
			curl -sS -f %[1]s/absent; echo $?
			curl -sS --max-time 5 http://127.0.0.1:1/; echo $?
			curl -sS -Z %[1]s/page %[1]s/page %[1]s/page 2> progress | wc -c
			curl -sS https://localhost.invalid/ ; echo $?`, srv.URL)}}, tr)
		tr.WantSome(t, "uprobe/libc:malloc", "uretprobe/libc:getenv")
	})
}

// TestOpenSSL: a TLS server and a client, both traced.
func TestOpenSSL(t *testing.T) {
	host.Require(t, "openssl")
	tr := host.Hot()
	compareServers(t, tr, func(t *testing.T, tr *host.Trace) *record {
		s := &server{t: t, dir: host.WorkDir(t)}
		port := host.FreePort(t)
		script := fmt.Sprintf(`
			openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -days 2 -subj /CN=localhost 2>/dev/null
			openssl s_server -accept 127.0.0.1:%[1]d -key key -cert cert -www -naccept 2 > server.out 2>&1 &
			for i in $(seq 1 200); do grep -q ACCEPT server.out && break; sleep 0.05; done
			for i in 1 2; do
				printf 'GET / HTTP/1.0\r\n\r\n' | openssl s_client -connect 127.0.0.1:%[1]d -CAfile cert -quiet -ign_eof 2> client.err | grep -c -i -e '^HTTP/1.0 200' -e 'TLSv1.3'
			done
			grep -e '^verify return' client.err
			wait; echo "server $?"
			openssl speed -seconds 1 -bytes 16 sha256 > /dev/null 2>&1; echo "speed $?"
			openssl dgst -sha256 -sign key cert | openssl dgst -sha256 -verify /dev/null -signature /dev/stdin cert; echo "verify $?"`, port)
		p := host.Start(t, host.Cmd{Args: []string{"sh", "-c", script}, Dir: s.dir}, tr)
		r := p.Wait()
		s.out.note("exit %d\n%s", r.Exit, r.Stdout)
		s.out.Steps = append(s.out.Steps, severe(t, filepath.Join(s.dir, "server.out"), "error", "ERROR")...)
		return &s.out
	})
	tr.WantSome(t, "uprobe/libc:malloc", "uprobe/libc:free", "uprobe/libc:read")
}
