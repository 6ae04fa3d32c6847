package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// webServer is a running nginx: a master and one worker, on the CPU that is timed.
type webServer struct {
	cmd    *exec.Cmd
	url    string
	worker int
}

const webConfig = `%s
daemon off; worker_processes 1; pid nginx.pid;
events { worker_connections 256; }
http {
	access_log off; sendfile on; keepalive_requests 1000000000;
	client_body_temp_path tmp1; proxy_temp_path tmp2; fastcgi_temp_path tmp3; uwsgi_temp_path tmp4; scgi_temp_path tmp5;
	server { listen 127.0.0.1:%d; root .; default_type text/plain; }
}
`

// startWebServer returns once the server has answered. Its directory has the name.
func startWebServer(w *workshop, name string, env []string) (*webServer, error) {
	nginx, err := webProgram("nginx")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir := w.path(name)
	if err := configureWeb(dir, port); err != nil {
		return nil, err
	}
	s := &webServer{url: fmt.Sprintf("http://127.0.0.1:%d/page", port)}
	s.cmd = exec.CommandContext(w.ctx, "taskset", "-c", fmt.Sprint(w.o.cpu), nginx, "-p", dir, "-e", "error.log", "-c", "nginx.conf")
	s.cmd.Env, s.cmd.Dir, s.cmd.Stderr = env, dir, os.Stderr
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) } // its worker ends with it, unless it is killed
	s.cmd.WaitDelay = 10 * time.Second
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	if err := cmp.Or(s.warm(), s.findWorker()); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// configureWeb writes a page of a kilobyte, and the configuration. Root's workers stay root, to read it.
func configureWeb(dir string, port int) error {
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;"
	}
	return cmp.Or(
		os.MkdirAll(dir, 0o755),
		os.WriteFile(dir+"/nginx.conf", fmt.Appendf(nil, webConfig, user, port), 0o644),
		os.WriteFile(dir+"/page", []byte(strings.Repeat("0123456789abcde\n", 64)), 0o644),
	)
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// warm asks until there is an answer, and then some times more: what is done once is not timed.
func (s *webServer) warm() error {
	const limit = 10 * time.Second
	client := &http.Client{Timeout: limit, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for end := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		err := s.get(client)
		if err == nil {
			break
		}
		if time.Now().After(end) {
			return err
		}
	}
	for range 100 {
		if err := s.get(client); err != nil {
			return err
		}
	}
	return nil
}

func (s *webServer) get(client *http.Client) error {
	r, err := client.Get(s.url)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	n, err := io.Copy(io.Discard, r.Body)
	if err == nil && (r.StatusCode != http.StatusOK || n != 1024) {
		err = fmt.Errorf("nginx answered %s, %d bytes", r.Status, n)
	}
	return err
}

var (
	wrkRequests = regexp.MustCompile(`(?m)^\s*(\d+) requests in `)
	wrkErrors   = regexp.MustCompile(`(?m)^\s*(Socket errors|Non-2xx).*$`)
)

// wrkLoad is a running wrk.
type wrkLoad struct {
	cmd *exec.Cmd
	out bytes.Buffer
}

// startWrk runs it on another CPU than the server, where there is one.
func startWrk(w *workshop, url string) (*wrkLoad, error) {
	other := (w.o.cpu + 1) % runtime.NumCPU()
	l := &wrkLoad{cmd: exec.CommandContext(w.ctx, "taskset", "-c", fmt.Sprint(other), "wrk", "-t1", "-c8", "--timeout", "30s", fmt.Sprintf("-d%ds", webSeconds), url)}
	l.cmd.Env = baseEnv()
	l.cmd.Stdout, l.cmd.Stderr = &l.out, &l.out
	if err := l.cmd.Start(); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *wrkLoad) wait() (requests uint64, err error) {
	if err := l.cmd.Wait(); err != nil {
		return 0, fmt.Errorf("wrk: %w %s", err, l.out.Bytes())
	}
	return parseWrk(l.out.String())
}

// parseWrk reads the summary, which must be of answers only.
func parseWrk(out string) (requests uint64, err error) {
	if bad := wrkErrors.FindString(out); bad != "" {
		return 0, fmt.Errorf("wrk: %s", strings.TrimSpace(bad))
	}
	m := wrkRequests.FindStringSubmatch(out)
	if m == nil || m[1] == "0" {
		return 0, fmt.Errorf("wrk has had no answer: %q", out)
	}
	return strconv.ParseUint(m[1], 10, 64)
}

// findWorker looks at the master's children.
func (s *webServer) findWorker() error {
	pid := s.cmd.Process.Pid
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return err
	}
	children := strings.Fields(string(text))
	if len(children) != 1 {
		return fmt.Errorf("nginx has %d workers, want 1", len(children))
	}
	s.worker, err = strconv.Atoi(children[0])
	return err
}

// processTime reads the CPU clock of a process, user and system, to the nanosecond: a process may read anybody's.
func processTime(pid int) (time.Duration, error) {
	const cpuClockOfScheduler = 2 // CPUCLOCK_SCHED, of a whole process
	var t unix.Timespec
	err := unix.ClockGettime(int32(^pid<<3|cpuClockOfScheduler), &t)
	return time.Duration(t.Nano()), err
}

// stop ends the server. One that does not end by itself with success was broken.
func (s *webServer) stop() error {
	if s.worker != 0 {
		syscall.Kill(s.worker, syscall.SIGCONT)
	}
	s.cmd.Process.Signal(syscall.SIGTERM)
	if err := s.cmd.Wait(); err != nil {
		log, _ := os.ReadFile(s.cmd.Dir + "/error.log")
		return fmt.Errorf("nginx: %w %s", err, log)
	}
	return nil
}

// pause returns when the worker has stopped.
func (s *webServer) pause() error {
	if err := syscall.Kill(s.worker, syscall.SIGSTOP); err != nil {
		return err
	}
	const limit = 10 * time.Second
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(50 * time.Microsecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.worker))
		if err != nil {
			return err
		}
		if _, state, _ := strings.Cut(string(stat), ") "); strings.HasPrefix(state, "T") {
			return nil
		}
	}
	return fmt.Errorf("nginx did not stop for %v", limit)
}

// await returns when the worker has used so much more CPU time, or has had long enough for it.
func (s *webServer) await(used time.Duration) error {
	before, err := processTime(s.worker)
	for end, now := time.Now().Add(webPatience), before; err == nil && now < before+used && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
		now, err = processTime(s.worker)
	}
	return err
}
