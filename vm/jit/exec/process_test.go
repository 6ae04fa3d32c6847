//go:build linux && amd64

package exec_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/vm/helper"
	"github.com/bpftime-go/bpftime/vm/jit/exec"
)

// region is a line of /proc/self/maps.
type region struct {
	start, end uintptr
	perms      string
}

func regions(t testing.TB) (list []region) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		var r region
		if _, err := fmt.Sscanf(s.Text(), "%x-%x %s", &r.start, &r.end, &r.perms); err != nil {
			t.Fatalf("%q: %v", s.Text(), err)
		}
		list = append(list, r)
	}
	return list
}

// No page is writable and executable at once, neither while programs run nor
// while others are made and closed.
func TestNoPageIsWritableAndExecutable(t *testing.T) {
	looked := 0
	var p *exec.Program
	reg := new(helper.Registry).Register(1, func(helper.Memory, uint64, uint64, uint64, uint64, uint64) (uint64, error) {
		addr, size := p.Text()
		for _, r := range regions(t) {
			if strings.Contains(r.perms, "w") && strings.Contains(r.perms, "x") {
				t.Errorf("%x-%x is %s", r.start, r.end, r.perms)
			}
			if r.start <= addr && addr < r.end {
				looked++
				if r.perms != "r-xp" || r.end < addr+uintptr(size) {
					t.Errorf("the code at %x lies in %x-%x %s", addr, r.start, r.end, r.perms)
				}
			}
		}
		return 0, nil
	})
	p = load(t, "call 1; exit", exec.Options{Helpers: reg})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				load(t, "r0 = 0; exit", exec.Options{}).Close()
			}
		}
	})
	for range 200 {
		wantResult(t, p, 0)
	}
	close(stop)
	wg.Wait()
	if looked != 200 {
		t.Errorf("the code was seen in %d of 200 maps", looked)
	}
}

func TestCloseUnmaps(t *testing.T) {
	p := load(t, "r0 = 0; exit", exec.Options{})
	addr, _ := p.Text()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for _, r := range regions(t) {
		if r.start <= addr && addr < r.end && strings.Contains(r.perms, "x") {
			t.Errorf("the code at %x is still in %x-%x %s", addr, r.start, r.end, r.perms)
		}
	}
}

// spin counts to r1, 20 to 60 ms, with a value in every register and calls
// between functions.
const spin = `
	r6 = r1
	r7 = 7
	r8 = 8
	r9 = 9
	r0 = 0
	*(u64 *)(r10 - 512) = 11
again:
	r1 = r0
	call one
	if r0 != r6 goto again
	r0 += r7
	r0 += r8
	r0 += r9
	r1 = *(u64 *)(r10 - 512)
	r0 += r1
	exit
one:
	r0 = r1
	r0 += 1
	exit`

// Signals of every kind arrive while programs run: requests to preempt, from
// the runtime and from outside, profiling ticks, and collections that wait.
func TestSignalsWhileProgramsRun(t *testing.T) {
	if err := pprof.StartCPUProfile(&bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	defer pprof.StopCPUProfile()
	reg := new(helper.Registry).Register(1, helper.Pure(weigh))
	spins := load(t, spin, exec.Options{})
	calls := load(t, `
		r6 = r1
		r7 = 0
	again:
		r1 = 1
		r2 = 0
		r3 = 0
		r4 = 0
		r5 = 0
		call 1
		r7 += r0
		if r7 != r6 goto again
		r0 = r7
		exit`, exec.Options{Helpers: reg})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { annoy(stop) })
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for range 5 {
				wantResult(t, spins, 10_000_000+7+8+9+11, 10_000_000)
				wantResult(t, calls, 100_000, 100_000)
			}
		})
	}
	work.Wait()
	close(stop)
	wg.Wait()
}

// annoy sends signals and collects garbage until it is told to stop.
func annoy(stop chan struct{}) {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		_ = unix.Kill(unix.Getpid(), unix.SIGURG)
		_ = unix.Kill(unix.Getpid(), unix.SIGPROF)
		if n%200 == 0 {
			runtime.GC()
		}
		time.Sleep(20 * time.Microsecond)
	}
}

// The program's stack ends in a guard page, and a fault ends the process: with
// a report of Go's, not in a loop and not in silence. (What it says depends: Go
// takes the fault for one of its own.)
func TestFaultEndsTheProcess(t *testing.T) {
	programs := map[string]string{
		"null":  "*(u64 *)(r1 + 0) = 1; r0 = 0; exit",
		"stack": "r0 = 0; again: r2 = r10; r2 += r0; *(u64 *)(r2 - 8) = 1; r0 += -8; goto again",
	}
	const key = "EXEC_TEST_FAULT"
	if name := os.Getenv(key); name != "" {
		load(t, programs[name], exec.Options{}).Call(0)
		t.Fatal("it returned")
	}
	for name := range programs {
		cmd := osexec.Command(os.Args[0], "-test.run=^TestFaultEndsTheProcess$")
		cmd.Env = append(os.Environ(), key+"="+name)
		out, err := cmd.CombinedOutput()
		var exit *osexec.ExitError
		if !errors.As(err, &exit) || !bytes.Contains(out, []byte("fatal error")) || bytes.Contains(out, []byte("it returned")) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func BenchmarkCall(b *testing.B) {
	p := load(b, "r0 = 0; exit", exec.Options{})
	for b.Loop() {
		p.Call()
	}
}

func BenchmarkGoHelper(b *testing.B) {
	reg := new(helper.Registry).Register(1, helper.Pure(weigh))
	p := load(b, "r6 = r1; call 1; r6 += -1; if r6 != 0 goto -3; r0 = 0; exit", exec.Options{Helpers: reg})
	n := 0
	for b.Loop() {
		n++
		p.Call(1000)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n)/1000, "ns/call")
}
